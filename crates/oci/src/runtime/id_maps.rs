//! User and group ids in a user namespace, and what they are outside.

use serde::{Deserialize, Serialize};

use super::IdMapping;

/// The maps of a user namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdMaps {
    /// Of user ids.
    pub uids: Vec<IdMapping>,
    /// Of group ids.
    pub gids: Vec<IdMapping>,
}

impl IdMaps {
    /// What user and group of the inside are outside; none if the namespace has no such id.
    #[must_use]
    pub fn outside(&self, uid: u32, gid: u32) -> Option<(u32, u32)> {
        Some((outside(&self.uids, uid)?, outside(&self.gids, gid)?))
    }

    /// What user and group of the outside are inside; none if the namespace has no such id.
    #[must_use]
    pub fn inside(&self, uid: u32, gid: u32) -> Option<(u32, u32)> {
        Some((inside(&self.uids, uid)?, inside(&self.gids, gid)?))
    }

    /// The text of both as `/proc/<pid>/uid_map` and `gid_map` take it (`user_namespaces(7)`).
    #[must_use]
    pub fn text(&self) -> (String, String) {
        (IdMapping::lines(&self.uids), IdMapping::lines(&self.gids))
    }

    /// What the inside's root is outside.
    #[must_use]
    pub fn root(&self) -> Option<(u32, u32)> {
        self.outside(0, 0)
    }

    /// Both maps with the outside's root in addition, as the first id that the inside does not have. On a mount that is
    /// mapped so, the outside's root can make files; the inside sees them as nobody's.
    #[must_use]
    pub fn with_host_root(&self) -> IdMaps {
        let with = |maps: &[IdMapping]| {
            let mut maps = maps.to_vec();
            if outside_of_root(&maps) {
                let end = |map: &IdMapping| map.container_id.saturating_add(map.size);
                let free = maps.iter().map(end).max().unwrap_or(0);
                maps.push(IdMapping { container_id: free, host_id: 0, size: 1 });
            }
            maps
        };
        IdMaps { uids: with(&self.uids), gids: with(&self.gids) }
    }
}

impl IdMapping {
    /// A line per range, as `/proc/<pid>/uid_map` takes them.
    #[must_use]
    pub fn lines(maps: &[IdMapping]) -> String {
        maps.iter().map(|m| format!("{} {} {}\n", m.container_id, m.host_id, m.size)).collect()
    }
}

/// Whether the outside's root is none of the inside's ids.
fn outside_of_root(maps: &[IdMapping]) -> bool {
    inside(maps, 0).is_none()
}

fn outside(maps: &[IdMapping], id: u32) -> Option<u32> {
    maps.iter().find_map(|map| shifted(id, map.container_id, map.host_id, map.size))
}

fn inside(maps: &[IdMapping], id: u32) -> Option<u32> {
    maps.iter().find_map(|map| shifted(id, map.host_id, map.container_id, map.size))
}

fn shifted(id: u32, from: u32, to: u32, size: u32) -> Option<u32> {
    id.checked_sub(from).filter(|offset| *offset < size).and_then(|offset| to.checked_add(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(container_id: u32, host_id: u32, size: u32) -> IdMapping {
        IdMapping { container_id, host_id, size }
    }

    #[test]
    fn ids_are_found_in_their_range() {
        let maps = IdMaps { uids: vec![map(0, 100_000, 10), map(10, 500, 5)], gids: vec![map(0, 200_000, 65536)] };
        assert_eq!(maps.root(), Some((100_000, 200_000)));
        assert_eq!(maps.outside(12, 7), Some((502, 200_007)));
        assert_eq!(maps.outside(15, 7), None);
        assert_eq!(maps.inside(502, 200_007), Some((12, 7)));
        assert_eq!(maps.inside(0, 200_007), None);
        assert_eq!(maps.inside(100_010, 200_000), None);
    }

    #[test]
    fn the_hosts_root_gets_an_id_of_its_own() {
        let maps = IdMaps { uids: vec![map(0, 100_000, 10)], gids: vec![map(0, 0, 10)] };
        let with = maps.with_host_root();
        assert_eq!(with.uids, [map(0, 100_000, 10), map(10, 0, 1)]);
        assert_eq!(with.gids, maps.gids, "it has one already");
    }

    #[test]
    fn a_map_has_a_line_per_range() {
        let map = [map(0, 1000, 1), map(1, 100_000, 65536)];
        assert_eq!(IdMapping::lines(&map), "0 1000 1\n1 100000 65536\n");
    }

    #[test]
    fn ranges_at_the_end_do_not_overflow() {
        let maps = IdMaps { uids: vec![map(u32::MAX - 1, u32::MAX - 1, 9)], gids: vec![map(0, u32::MAX, 9)] };
        assert_eq!(maps.outside(u32::MAX, 1), None);
        assert_eq!(maps.with_host_root().uids.len(), 2);
    }
}
