//! The names of one network.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// The names of one network's containers. Names are kept in lower case.
#[derive(Debug, Default)]
pub(crate) struct Zone {
    network: String,
    table: RwLock<Table>,
}

#[derive(Debug, Default)]
struct Table {
    names: HashMap<String, Vec<Entry>>,
    /// The names that a container has.
    of: HashMap<String, Vec<String>>,
    /// The first name of whoever has an address.
    owners: HashMap<IpAddr, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    container: String,
    addresses: Vec<IpAddr>,
}

impl Zone {
    pub(crate) fn new(network: &str) -> Zone {
        Zone { network: network.to_owned(), table: RwLock::default() }
    }

    /// Name of the network.
    pub(super) fn network(&self) -> &str {
        &self.network
    }

    /// Enters a container's names, in place of those it had.
    pub(crate) fn enter(&self, container: &str, names: &[String], addresses: &[IpAddr]) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.remove(container);
        let entry = Entry { container: container.to_owned(), addresses: addresses.to_vec() };
        let mut seen: Vec<String> = Vec::with_capacity(names.len());
        for name in names.iter().map(|name| name.to_ascii_lowercase()) {
            if !seen.contains(&name) {
                table.names.entry(name.clone()).or_default().push(entry.clone());
                seen.push(name);
            }
        }
        table.of.insert(container.to_owned(), seen);
        if let Some(first) = names.first() {
            table.owners.extend(addresses.iter().map(|address| (*address, first.clone())));
        }
    }

    /// Forgets a container.
    pub(crate) fn leave(&self, container: &str) {
        self.table.write().unwrap_or_else(PoisonError::into_inner).remove(container);
    }

    /// The addresses behind a name in lower case; `None` if nobody has it.
    pub(super) fn find(&self, name: &str) -> Option<Vec<IpAddr>> {
        let table = self.read();
        let entries = table.names.get(name)?;
        Some(entries.iter().flat_map(|entry| entry.addresses.iter().copied()).collect())
    }

    /// The name of whoever has an address.
    pub(super) fn owner(&self, address: IpAddr) -> Option<String> {
        self.read().owners.get(&address).cloned()
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn remove(&mut self, container: &str) {
        for name in self.of.remove(container).unwrap_or_default() {
            let Some(entries) = self.names.get_mut(&name) else { continue };
            if let Some(at) = entries.iter().position(|entry| entry.container == container) {
                for address in entries.remove(at).addresses {
                    self.owners.remove(&address);
                }
            }
            if entries.is_empty() {
                self.names.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[test]
    fn names_come_and_go() {
        let zone = Zone::new("front");
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        zone.enter("a", &names(&["Web", "api", "web"]), &[ip(2)]);
        zone.enter("b", &names(&["db", "api"]), &[ip(3)]);
        assert_eq!(zone.find("web"), Some(vec![ip(2)]));
        assert_eq!(zone.find("api"), Some(vec![ip(2), ip(3)]));
        assert_eq!(zone.owner(ip(2)).as_deref(), Some("Web"));
        // Renamed.
        zone.enter("a", &names(&["www"]), &[ip(2)]);
        assert_eq!((zone.find("web"), zone.find("api")), (None, Some(vec![ip(3)])));
        assert_eq!(zone.owner(ip(2)).as_deref(), Some("www"));
        zone.leave("a");
        assert_eq!((zone.find("www"), zone.owner(ip(2))), (None, None));
    }
}
