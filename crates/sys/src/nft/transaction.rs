//! Transactions: tables, chains, and the batch around them.

use crate::netlink::{Attributes, Batch, CREATE, EXCLUSIVE, Error, Socket};

use super::rule::RuleWriter;
use super::set::{self, Element, Set};

/// `NFNL_MSG_BATCH_BEGIN` and `NFNL_MSG_BATCH_END`
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
/// `NFNL_SUBSYS_NFTABLES`
const SUBSYSTEM: u8 = 10;
/// `NFPROTO_INET`: IPv4 and IPv6 in one table.
pub(super) const INET: u8 = 1;

// `NFT_MSG_*`
pub(super) const NEW_TABLE: u16 = 0;
pub(super) const GET_TABLE: u16 = 1;
const DELETE_TABLE: u16 = 2;
pub(super) const NEW_CHAIN: u16 = 3;
pub(super) const GET_CHAIN: u16 = 4;
const DELETE_CHAIN: u16 = 5;
const NEW_RULE: u16 = 6;
const NEW_SET: u16 = 9;
const NEW_ELEMENT: u16 = 12;
const DELETE_ELEMENT: u16 = 14;

/// `NLM_F_APPEND`, for rules.
const APPEND: u16 = 0x800;

// `NFTA_*`: 1 is the table's name everywhere.
const TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const ELEMENTS_SET: u16 = 2;
const ELEMENTS: u16 = 3;

/// Elements per message: a nest is limited to 64 KiB, an element takes about 100 bytes.
const ELEMENTS_PER_MESSAGE: usize = 256;

/// Message type with its subsystem.
pub(super) fn message_type(message: u16) -> u16 {
    u16::from(SUBSYSTEM) << 8 | message
}

/// `struct nfgenmsg`
pub(super) fn header(family: u8) -> [u8; 4] {
    [family, 0, 0, 0]
}

/// What a base chain is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainKind {
    /// Sees every packet.
    Filter,
    /// Sees the first packet of a connection and may translate its addresses.
    Nat,
}

/// Where in the kernel a base chain is hooked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Before routing.
    Prerouting = 0,
    /// Towards a process of this host.
    Input = 1,
    /// Through this host.
    Forward = 2,
    /// From a process of this host.
    Output = 3,
    /// After routing.
    Postrouting = 4,
}

/// A base chain to be made. Its policy is to accept.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    /// Name.
    pub name: &'a str,
    /// What it is for.
    pub kind: ChainKind,
    /// Where it is hooked in.
    pub hook: Hook,
    /// Lower comes first (`NF_IP_PRI_*`).
    pub priority: i32,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// This base chain has no objection.
    Accept,
    /// It is lost.
    Drop,
    /// Back to the calling chain.
    Return,
    /// To another chain and back.
    Jump(&'a str),
    /// To another chain.
    Goto(&'a str),
}

impl Verdict<'_> {
    /// Writes `NFTA_VERDICT_CODE` and `NFTA_VERDICT_CHAIN`.
    pub(super) fn write(self, a: &mut Attributes<'_>) {
        let (code, chain) = match self {
            Verdict::Drop => (0, None),
            Verdict::Accept => (1, None),
            Verdict::Jump(chain) => (-3, Some(chain)),
            Verdict::Goto(chain) => (-4, Some(chain)),
            Verdict::Return => (-5i32, None),
        };
        a.be32(1, code.cast_unsigned());
        if let Some(chain) = chain {
            a.string(2, chain);
        }
    }
}

/// Changes to one `inet` table that take effect together.
#[derive(Clone, Debug)]
pub struct Transaction {
    table: String,
    batch: Batch,
    /// Number of the next set, by which rules of the same transaction find it.
    next_set: u32,
}

impl Transaction {
    /// No changes yet to the table of this name.
    pub fn new(table: &str) -> Transaction {
        let mut batch = Batch::new();
        batch.push(BATCH_BEGIN, 0, &[0, 0, 0, SUBSYSTEM], |_| ());
        Transaction { table: table.to_owned(), batch, next_set: 1 }
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.batch.len() == 1
    }

    /// Creates the table; no error if it exists.
    pub fn add_table(&mut self) {
        self.push(NEW_TABLE, CREATE, |_| ());
    }

    /// Removes the table with all that is in it; an error if it does not exist.
    pub fn delete_table(&mut self) {
        self.push(DELETE_TABLE, 0, |_| ());
    }

    /// Creates a base chain.
    pub fn add_base_chain(&mut self, chain: &Chain<'_>) {
        self.push(NEW_CHAIN, CREATE, |a| {
            a.string(CHAIN_NAME, chain.name);
            a.nest(CHAIN_HOOK, |a| {
                a.be32(HOOK_NUMBER, chain.hook as u32);
                a.be32(HOOK_PRIORITY, chain.priority.cast_unsigned());
            });
            a.be32(CHAIN_POLICY, 1);
            a.string(CHAIN_TYPE, if chain.kind == ChainKind::Nat { "nat" } else { "filter" });
        });
    }

    /// Creates a chain that others jump to.
    pub fn add_chain(&mut self, name: &str) {
        self.push(NEW_CHAIN, CREATE, |a| a.string(CHAIN_NAME, name));
    }

    /// Removes a chain with its rules; nothing may jump to it any more.
    pub fn delete_chain(&mut self, name: &str) {
        self.push(DELETE_CHAIN, 0, |a| a.string(CHAIN_NAME, name));
    }

    /// Creates a set or map.
    pub fn add_set(&mut self, set: &Set<'_>) {
        let number = self.next_set;
        self.next_set += 1;
        self.push(NEW_SET, CREATE, |a| set::write(a, set, number));
    }

    /// Adds elements to a set or map. With `exclusive` an existing key is an error.
    pub fn add_elements(&mut self, set: &str, elements: &[Element<'_>], exclusive: bool) {
        self.elements(NEW_ELEMENT, if exclusive { CREATE | EXCLUSIVE } else { CREATE }, set, elements);
    }

    /// Removes elements from a set or map; a missing one is an error.
    pub fn delete_elements(&mut self, set: &str, elements: &[Element<'_>]) {
        self.elements(DELETE_ELEMENT, 0, set, elements);
    }

    fn elements(&mut self, message: u16, flags: u16, set: &str, elements: &[Element<'_>]) {
        for chunk in elements.chunks(ELEMENTS_PER_MESSAGE) {
            self.push(message, flags, |a| {
                a.string(ELEMENTS_SET, set);
                a.nest(ELEMENTS, |a| chunk.iter().for_each(|element| set::write_element(a, element)));
            });
        }
    }

    /// Appends a rule to a chain: `write` puts down its expressions.
    pub fn add_rule(&mut self, chain: &str, write: impl FnOnce(&mut RuleWriter<'_, '_>)) {
        self.push(NEW_RULE, CREATE | APPEND, |a| {
            a.string(RULE_CHAIN, chain);
            a.nest(RULE_EXPRESSIONS, |a| write(&mut RuleWriter::new(a)));
        });
    }

    fn push(&mut self, message: u16, flags: u16, fill: impl FnOnce(&mut Attributes<'_>)) {
        let table = &self.table;
        self.batch.push(message_type(message), flags, &header(INET), |a| {
            a.string(TABLE, table);
            fill(a);
        });
    }
}

/// Makes a transaction effective. `socket` is of [`Family::Netfilter`](crate::netlink::Family::Netfilter). The index in
/// an error counts messages from 1.
pub fn commit(socket: &mut Socket, transaction: Transaction) -> Result<(), Error> {
    if transaction.is_empty() {
        return Ok(());
    }
    let mut batch = transaction.batch;
    // The kernel acknowledges the end of a batch since 6.10 only: the message before it is waited for.
    let last = batch.len() - 1;
    batch.acknowledge_last();
    batch.push(BATCH_END, 0, &[0, 0, 0, SUBSYSTEM], |_| ());
    socket.send_and_wait(batch, last)
}

#[cfg(test)]
impl Transaction {
    pub(super) fn bytes(&self) -> &[u8] {
        self.batch.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `nft add table inet teu; add chain inet teu raw { type filter hook prerouting priority -300; }` sends.
    #[test]
    fn table_and_chain_layout() {
        let mut t = Transaction::new("teu");
        t.add_table();
        t.add_base_chain(&Chain { name: "raw", kind: ChainKind::Filter, hook: Hook::Prerouting, priority: -300 });
        let expected = [
            20, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, // begin
            28, 0, 0, 0, 0, 10, 1, 4, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, // new table, inet
            8, 0, 1, 0, b't', b'e', b'u', 0, //
            76, 0, 0, 0, 3, 10, 1, 4, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, // new chain
            8, 0, 1, 0, b't', b'e', b'u', 0, 8, 0, 3, 0, b'r', b'a', b'w', 0, //
            20, 0, 4, 0x80, 8, 0, 1, 0, 0, 0, 0, 0, 8, 0, 2, 0, 0xff, 0xff, 0xfe, 0xd4, // hook, priority
            8, 0, 5, 0, 0, 0, 0, 1, // policy
            11, 0, 7, 0, b'f', b'i', b'l', b't', b'e', b'r', 0, 0, // type
        ];
        assert_eq!(t.bytes(), expected);
    }

    #[test]
    fn nothing_to_commit() {
        assert!(Transaction::new("teu").is_empty());
    }
}
