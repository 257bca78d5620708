//! Sockets in a container's namespace, and the way to them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::BorrowedFd;

use teu_sys::netlink::{Family, Socket};
use teu_sys::netns;
use teu_sys::nft::{Chain, ChainKind, Field, Hook, Key, Transaction, commit};

use crate::Protocol;

/// Where containers ask, as in Docker: written into `resolv.conf`.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
const PORT: u16 = 53;
/// The table in the container's namespace.
const TABLE: &str = "teu_dns";
/// `NF_IP_PRI_NAT_DST`, and `NFPROTO_IPV4`.
const NAT_DESTINATION: i32 = -100;
const V4: u8 = 2;

/// Sockets that a container's queries arrive at.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(super) udp: UdpSocket,
    pub(super) tcp: TcpListener,
}

impl Sockets {
    /// Opens them in the calling thread's namespace.
    pub(crate) fn open() -> io::Result<Sockets> {
        let any = SocketAddr::from((ADDRESS, 0));
        let sockets = Sockets { udp: UdpSocket::bind(any)?, tcp: TcpListener::bind(any)? };
        sockets.udp.set_nonblocking(true)?;
        sockets.tcp.set_nonblocking(true)?;
        redirect(&[
            (Protocol::Udp, sockets.udp.local_addr()?.port()),
            (Protocol::Tcp, sockets.tcp.local_addr()?.port()),
        ])?;
        Ok(sockets)
    }

    /// Opens them in a namespace.
    pub(crate) fn open_in(namespace: BorrowedFd<'_>) -> io::Result<Sockets> {
        netns::run_in(namespace, Sockets::open)
    }
}

/// Leads what is for the well-known port to these ports, in place of those of an earlier engine:
/// `ip daddr 127.0.0.11 udp dport 53 dnat ip to 127.0.0.11:PORT`.
fn redirect(ports: &[(Protocol, u16)]) -> io::Result<()> {
    let mut transaction = Transaction::new(TABLE);
    // Removing what does not exist is an error: hence the first line.
    transaction.add_table();
    transaction.delete_table();
    transaction.add_table();
    transaction.add_base_chain(&Chain {
        name: "output",
        kind: ChainKind::Nat,
        hook: Hook::Output,
        priority: NAT_DESTINATION,
    });
    for (protocol, port) in ports {
        transaction.add_rule("output", |r| {
            r.family(V4).field(Field::Ipv4Destination, 0).equals(&ADDRESS.octets());
            r.meta(Key::Protocol, 0).equals(&[protocol.number()]);
            r.field(Field::DestinationPort, 0).equals(&PORT.to_be_bytes());
            r.value(&ADDRESS.octets(), 0).value(&port.to_be_bytes(), 1).translate_destination(V4);
        });
    }
    let mut socket = Socket::open(Family::Netfilter).map_err(io::Error::other)?;
    commit(&mut socket, transaction).map_err(io::Error::other)
}
