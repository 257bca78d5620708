//! Names of containers: a DNS server at 127.0.0.11 in the namespace of each container on a network that users define.
//!
//! The engine's own sockets are in that namespace, on ports that the kernel chooses: a container may serve port 53
//! itself. A rule in the namespace leads what is for 127.0.0.11, port 53, to them. Names are answered from live state;
//! what is nobody's here is asked of the servers that the host or `--dns` names.
//!
//! | file | does |
//! |---|---|
//! | `sockets` | opens sockets and the way to them, in a container's namespace |
//! | `server` | serves them, all containers on one thread |
//! | `answer` | what a query is answered, as a function of bytes and names |
//! | `client` | what one container sees: its networks' names, its links |
//! | `zone` | the names of one network |
//! | `forward` | asking others |

mod answer;
mod client;
mod forward;
pub(crate) mod fuzzing;
mod server;
mod sockets;
mod zone;

use std::net::SocketAddr;

pub(crate) use client::{Client, Member};
pub(crate) use server::{Served, Server};
pub(crate) use sockets::Sockets;
pub(crate) use zone::Zone;

/// Whom a container's queries go to that are about nobody here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolverConfig {
    /// Name servers, asked in this order.
    pub servers: Vec<SocketAddr>,
    /// Whether they are asked from the container's network (`--dns`) or from the host's.
    pub inside: bool,
    /// Whether somebody chose from how many dots on a name is complete: one without any is not asked of others then.
    pub ndots: bool,
}
