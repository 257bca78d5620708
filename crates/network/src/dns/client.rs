//! What one container sees.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use super::{ResolverConfig, Zone};
use crate::pool::lock;

/// A network that a container is on.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) zone: Arc<Zone>,
    /// Names that only this container has for others: alias and name.
    pub(crate) links: Vec<(String, String)>,
}

/// One container, as its queries are answered.
#[derive(Debug)]
pub(crate) struct Client {
    seen: Mutex<Seen>,
    config: ResolverConfig,
}

#[derive(Debug, Default)]
struct Seen {
    networks: Vec<Member>,
    /// Whether anything outside may be asked: not from networks without a way out.
    asks_others: bool,
    /// Makes several containers of one name take turns.
    turn: usize,
}

impl Client {
    pub(crate) fn new(config: ResolverConfig) -> Client {
        Client { seen: Mutex::default(), config }
    }

    /// Says which networks the container is on now, and whether one has a way out.
    pub(crate) fn set(&self, networks: Vec<Member>, asks_others: bool) {
        let mut seen = lock(&self.seen);
        seen.networks = networks;
        seen.asks_others = asks_others;
    }

    pub(super) fn config(&self) -> &ResolverConfig {
        &self.config
    }

    /// What is asked from the container's own network goes no further than that.
    pub(super) fn asks_others(&self) -> bool {
        self.config.inside || lock(&self.seen).asks_others
    }

    /// The addresses behind a name in lower case, without a dot at its end: of the first network that knows it, by itself or
    /// as `name.network`. `None` if nobody has it.
    pub(super) fn find(&self, name: &str) -> Option<Vec<IpAddr>> {
        let mut seen = lock(&self.seen);
        let in_any = seen.networks.iter().find_map(|member| member.find(name));
        let mut found = match (in_any, name.rsplit_once('.')) {
            (Some(found), _) => found,
            (None, Some((name, network))) => {
                let mut named = seen.networks.iter().filter(|m| m.zone.network().eq_ignore_ascii_case(network));
                named.find_map(|member| member.find(name))?
            }
            (None, None) => return None,
        };
        if found.len() > 1 {
            let by = seen.turn % found.len();
            found.rotate_left(by);
            seen.turn = seen.turn.wrapping_add(1);
        }
        Some(found)
    }

    /// `name.network` of whoever has an address.
    pub(super) fn owner(&self, address: IpAddr) -> Option<String> {
        let seen = lock(&self.seen);
        seen.networks.iter().find_map(|m| Some(format!("{}.{}", m.zone.owner(address)?, m.zone.network())))
    }
}

impl Member {
    fn find(&self, name: &str) -> Option<Vec<IpAddr>> {
        let link = self.links.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name));
        link.and_then(|(_, target)| self.zone.find(&target.to_ascii_lowercase())).or_else(|| self.zone.find(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_links_and_turns() {
        let (front, back) = (Arc::new(Zone::new("front")), Arc::new(Zone::new("Back")));
        let ip = |last: u8| IpAddr::from([10, 0, 0, last]);
        front.enter("a", &["web".into(), "x".into()], &[ip(2)]);
        front.enter("b", &["api".into(), "x".into()], &[ip(3)]);
        back.enter("c", &["web".into(), "db".into()], &[ip(4)]);
        let client = Client::new(ResolverConfig::default());
        assert_eq!(client.find("web"), None);
        let links = vec![("database".to_owned(), "db".to_owned())];
        let member = |zone: &Arc<Zone>, links| Member { zone: Arc::clone(zone), links };
        client.set(vec![member(&front, Vec::new()), member(&back, links)], true);
        assert_eq!(client.find("web"), Some(vec![ip(2)]), "the first network's");
        assert_eq!(client.find("web.back"), Some(vec![ip(4)]));
        assert_eq!(client.find("web.other"), None);
        assert_eq!(client.find("database"), Some(vec![ip(4)]));
        let turns: Vec<_> = (0..3).map(|_| client.find("x").unwrap()).collect();
        assert_eq!(turns, [[ip(2), ip(3)], [ip(3), ip(2)], [ip(2), ip(3)]]);
        assert_eq!(client.owner(ip(4)).as_deref(), Some("web.Back"));
        assert_eq!(client.owner(ip(9)), None);
    }
}
