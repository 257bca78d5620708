//! nf_tables over netlink: one table per [`Transaction`], of the `inet` family.
//!
//! A transaction takes effect as a whole or not at all, with one system call. Only what Teu's own table needs is
//! here. Formats: `linux/netfilter/nf_tables.h` and `linux/netfilter/nfnetlink.h`; numbers are in network byte order.

mod chains;
mod rule;
mod set;
mod transaction;

pub use chains::{BaseChain, Policy, base_chains, table_exists};
pub use rule::{Field, Key, RuleWriter, Status, interface_name};
pub use set::{DataType, Element, Set, Value};
pub use transaction::{Chain, ChainKind, Hook, Transaction, Verdict, commit};
