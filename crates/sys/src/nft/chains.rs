//! Looking at what is there, other tables included.

use crate::netlink::{Batch, DUMP, Error, Message, Socket, attributes};

use super::transaction::{GET_CHAIN, GET_TABLE, INET, NEW_CHAIN, header, message_type};

// `NFTA_CHAIN_*`, `NFTA_HOOK_*`
const TABLE: u16 = 1;
const NAME: u16 = 3;
const HOOK: u16 = 4;
const POLICY: u16 = 5;
const HOOK_NUMBER: u16 = 1;

/// What a base chain does with packets that no rule decides about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// They pass.
    Accept,
    /// They are lost.
    Drop,
}

/// A base chain of any table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseChain {
    /// Address family: 1 inet, 2 IPv4, 10 IPv6, 7 bridge, …
    pub family: u8,
    /// Table.
    pub table: String,
    /// Name.
    pub name: String,
    /// Hook number, see [`Hook`](super::Hook).
    pub hook: u32,
    /// Policy.
    pub policy: Policy,
}

/// All base chains of the socket's namespace, those of iptables-nft included.
pub fn base_chains(socket: &mut Socket) -> Result<Vec<BaseChain>, Error> {
    let mut request = Batch::new();
    request.push(message_type(GET_CHAIN), DUMP, &header(0), |_| ());
    let found = std::cell::RefCell::new(Vec::new());
    socket.query(&request, || found.borrow_mut().clear(), |m| found.borrow_mut().extend(parse(m)))?;
    Ok(found.into_inner())
}

fn parse(message: &Message<'_>) -> Option<BaseChain> {
    if message.kind != message_type(NEW_CHAIN) {
        return None;
    }
    let attribute = |kind| attributes(message.payload, 4).get(kind);
    Some(BaseChain {
        family: *message.payload.first()?,
        table: attribute(TABLE)?.string(),
        name: attribute(NAME)?.string(),
        hook: attribute(HOOK)?.nested().get(HOOK_NUMBER)?.be32()?,
        policy: if attribute(POLICY)?.be32()? == 0 { Policy::Drop } else { Policy::Accept },
    })
}

/// Whether there is an `inet` table of this name.
pub fn table_exists(socket: &mut Socket, table: &str) -> Result<bool, Error> {
    let mut request = Batch::new();
    request.push(message_type(GET_TABLE), 0, &header(INET), |a| a.string(TABLE, table));
    match socket.query(&request, || (), |_| ()) {
        Ok(()) => Ok(true),
        Err(error) if error.errno() == Some(rustix::io::Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}
