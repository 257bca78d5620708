//! The packet filter: one `inet` table of our own, nobody else's is touched.
//!
//! A published port is an element of a map, a network a handful of rules in chains of its own. The table is replaced as
//! a whole, in one transaction, when the engine starts; from then on elements come and go.

mod elements;
mod layout;

use std::net::IpAddr;
use std::sync::Mutex;

use teu_sys::netlink::{Family, Socket};
use teu_sys::nft::{BaseChain, Hook, Policy, Transaction, base_chains, commit, table_exists};

use crate::error::{Error, refused};
use crate::pool::lock;
use crate::{Protocol, Subnet};

/// What the table says about one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NetworkRules {
    /// Bridge device.
    pub(crate) bridge: String,
    /// Its subnets.
    pub(crate) subnets: Vec<Subnet>,
    /// Whether containers may talk to each other.
    pub(crate) icc: bool,
    /// Whether what leaves the host is masqueraded.
    pub(crate) masquerade: bool,
    /// Whether there is no way out.
    pub(crate) internal: bool,
}

/// One translated port: what arrives at `host` goes to `target`, of the same family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Translation {
    pub(crate) protocol: Protocol,
    /// Host address, unspecified for all, and port.
    pub(crate) host: (IpAddr, u16),
    /// Container's address and port.
    pub(crate) target: (IpAddr, u16),
}

/// The table.
#[derive(Debug)]
pub(crate) struct Firewall {
    table: String,
    /// Kept open: the kernel waits for an RCU grace period when a socket of this family is closed after a change.
    socket: Mutex<Socket>,
}

impl Firewall {
    /// The table for the engine with this default bridge: `teu` for `teu0`, so that an engine with a bridge of another
    /// name can run beside it.
    pub(crate) fn new(bridge: &str) -> Result<Firewall, Error> {
        let table = if bridge == "teu0" { "teu".to_owned() } else { format!("teu-{bridge}") };
        let socket = Socket::open(Family::Netfilter).map_err(refused("open netlink"))?;
        Ok(Firewall { table, socket: Mutex::new(socket) })
    }

    /// Replaces the whole table in one transaction. Connections that are established keep their translation.
    pub(crate) fn replace(&self, networks: &[NetworkRules], translations: &[Translation]) -> Result<(), Error> {
        let mut transaction = Transaction::new(&self.table);
        // Removing what does not exist is an error: hence the first line.
        transaction.add_table();
        transaction.delete_table();
        transaction.add_table();
        layout::write_base(&mut transaction);
        for network in networks {
            layout::write_network(&mut transaction, network);
        }
        elements::add(&mut transaction, translations, false);
        self.commit(transaction, "replace table")
    }

    /// Removes the table; nothing happens if it does not exist.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        let mut transaction = Transaction::new(&self.table);
        transaction.add_table();
        transaction.delete_table();
        self.commit(transaction, "remove table")
    }

    /// Adds a network.
    pub(crate) fn add_network(&self, network: &NetworkRules) -> Result<(), Error> {
        let mut transaction = Transaction::new(&self.table);
        layout::write_network(&mut transaction, network);
        self.commit(transaction, "add network to table")
    }

    /// Removes a network.
    pub(crate) fn remove_network(&self, network: &NetworkRules) -> Result<(), Error> {
        let mut transaction = Transaction::new(&self.table);
        layout::erase_network(&mut transaction, network);
        self.commit(transaction, "remove network from table")
    }

    /// Adds translations, all or none.
    pub(crate) fn publish(&self, translations: &[Translation]) -> Result<(), Error> {
        let mut transaction = Transaction::new(&self.table);
        elements::add(&mut transaction, translations, true);
        self.commit(transaction, "add published ports to table")
    }

    /// Removes translations; those that are gone already are passed over.
    pub(crate) fn withdraw(&self, translations: &[Translation]) -> Result<(), Error> {
        let result = self.try_withdraw(translations);
        if !result.as_ref().is_err_and(|e| e.is_errno(rustix::io::Errno::NOENT)) {
            return result;
        }
        for translation in translations {
            match self.try_withdraw(std::slice::from_ref(translation)) {
                Err(error) if !error.is_errno(rustix::io::Errno::NOENT) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn try_withdraw(&self, translations: &[Translation]) -> Result<(), Error> {
        let mut transaction = Transaction::new(&self.table);
        elements::delete(&mut transaction, translations);
        self.commit(transaction, "remove published ports from table")
    }

    /// Whether the table is there: others flush the whole ruleset at times.
    pub(crate) fn exists(&self) -> bool {
        table_exists(&mut lock(&self.socket), &self.table).unwrap_or(false)
    }

    /// Chains of other tables that drop forwarded packets which nobody there allowed, as `table ip filter, chain FORWARD`.
    /// A packet has to pass the chains of every table: what another one drops, ours cannot save.
    pub(crate) fn dropping_chains(&self) -> Vec<String> {
        let dropping = |c: &BaseChain| c.hook == Hook::Forward as u32 && c.policy == Policy::Drop;
        base_chains(&mut lock(&self.socket))
            .unwrap_or_default()
            .into_iter()
            .filter(|c| dropping(c) && family_name(c.family).is_some())
            .map(|c| format!("table {} {}, chain {}", family_name(c.family).unwrap_or_default(), c.table, c.name))
            .collect()
    }

    fn commit(&self, transaction: Transaction, action: &str) -> Result<(), Error> {
        commit(&mut lock(&self.socket), transaction).map_err(refused(&format!("{action} inet {}", self.table)))
    }
}

/// Name of an address family that sees forwarded IP packets.
fn family_name(family: u8) -> Option<&'static str> {
    match family {
        1 => Some("inet"),
        2 => Some("ip"),
        10 => Some("ip6"),
        _ => None,
    }
}
