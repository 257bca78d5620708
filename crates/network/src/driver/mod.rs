//! Kinds of networks: one driver each.

mod bridge;
mod host;
mod namespace;
mod null;
mod unavailable;

use std::fmt;
use std::net::IpAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use teu_oci::runtime::IdMaps;
use teu_sys::sysctl::Sysctls;

use crate::dns::Sockets;
use crate::firewall::NetworkRules;
use crate::pool::Signal;
use crate::reaper::Reaper;
use crate::{Endpoint, Error, MacAddress, MacPolicy, PoolLimits};

pub(crate) use bridge::{Bridge, Settings, device_name, remove_strays};
pub(crate) use host::Host;
pub(crate) use namespace::share;
pub(crate) use null::Null;
pub(crate) use unavailable::Unavailable;

/// What drivers share.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    pub(crate) limits: PoolLimits,
    pub(crate) mac_policy: MacPolicy,
    pub(crate) signal: Arc<Signal>,
    pub(crate) reaper: Arc<Reaper>,
    /// Maps of the user namespaces that those in the pool belong to.
    pub(crate) ids: Option<Arc<IdMaps>>,
    pub(crate) sysctls: Arc<Sysctls>,
}

/// What an endpoint should be like.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) ipv4: Option<IpAddr>,
    pub(crate) ipv6: Option<IpAddr>,
    pub(crate) mac: Option<MacAddress>,
    /// Maps of the user namespace that it belongs to; none for the host's, or any.
    pub(crate) ids: Option<Arc<IdMaps>>,
}

/// A new endpoint.
#[derive(Debug)]
pub(crate) struct Attached {
    /// The namespace; `None` for the host's own.
    pub(crate) netns: Option<OwnedFd>,
    /// The user namespace that it belongs to, if one was wished for.
    pub(crate) user: Option<OwnedFd>,
    /// A sysfs of the namespace, not mounted yet, if there is one.
    pub(crate) sysfs: Option<OwnedFd>,
    /// Index of the host's end of its link.
    pub(crate) link: Option<u32>,
    /// Sockets for the container's name server, if it has one and they were opened ahead of time.
    pub(crate) dns: Option<Sockets>,
    /// The endpoint, without published ports.
    pub(crate) endpoint: Endpoint,
}

/// What a driver found of the endpoints that should be there.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Index of the host's end of each endpoint's link, in the order asked; `None` if it has or needs none.
    pub(crate) links: Vec<Option<u32>>,
    /// Places of the endpoints whose link is gone.
    pub(crate) lost: Vec<usize>,
    /// Names of links that belonged to nobody.
    pub(crate) removed: Vec<String>,
}

/// One network of some kind.
///
/// Methods are called from any thread and block for a short time. A driver keeps no record of its endpoints: they are
/// handed in where they matter.
pub(crate) trait Driver: fmt::Debug + Send + Sync {
    /// Makes an endpoint in a namespace of its own. On an error nothing remains.
    fn attach(&self, id: String, wish: Wish) -> Result<Attached, Error>;

    /// Makes an endpoint in the namespace of a container, as an interface of this name. On an error nothing remains.
    fn join(&self, _id: String, _wish: Wish, _namespace: BorrowedFd<'_>, _interface: &str) -> Result<Attached, Error> {
        Err(Error::NotJoinable)
    }

    /// Whether containers find each other by name.
    fn has_names(&self) -> bool {
        false
    }

    /// Takes an endpoint away, in the background as far as it takes long.
    fn detach(&self, endpoint: &Endpoint, link: Option<u32>);

    /// Verifies or repairs the endpoints that should be there and removes all others. Called once, before the first
    /// [`attach`](Driver::attach).
    fn adopt(&self, endpoints: &[&Endpoint]) -> Result<Found, Error> {
        Ok(Found { links: vec![None; endpoints.len()], ..Found::default() })
    }

    /// Endpoints may be made ahead of time from now on.
    fn open(&self) {}

    /// What the packet filter has to say about it.
    fn rules(&self) -> Option<NetworkRules> {
        None
    }

    /// Whether ports can be published.
    fn publishes(&self) -> bool {
        self.rules().is_some_and(|r| !r.internal)
    }

    /// Takes the network itself away; it has no endpoints any more.
    fn remove(&self) -> Result<(), Error> {
        Ok(())
    }
}
