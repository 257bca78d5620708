//! Making network namespaces.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use teu_oci::runtime::IdMaps;
use teu_sys::mount::{self, Log};
use teu_sys::netns::{self, Created};
use teu_sys::sysctl::Sysctls;

use crate::Error;
use crate::error::system;

/// What Docker sets in the namespace of every container: ports below 1024 and ICMP sockets for everybody, which is
/// harmless where only the container is concerned.
const SYSCTLS: [(&str, &str); 2] =
    [("net/ipv4/ip_unprivileged_port_start", "0"), ("net/ipv4/ping_group_range", "0 2147483647")];

/// A network namespace for a container.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) netns: OwnedFd,
    /// The user namespace that it belongs to, if that is not the host's.
    pub(crate) user: Option<OwnedFd>,
    /// What [`Made::sysfs`] is.
    pub(crate) sysfs: Option<OwnedFd>,
}

/// A network namespace that was made just now.
pub(crate) struct Made {
    pub(crate) created: Created,
    /// A sysfs of this namespace, to be mounted ([`mount::new_context`]). The kernel compares a new one with those of all other
    /// namespaces, which a start need not wait for.
    pub(crate) sysfs: Option<OwnedFd>,
}

/// Moves the calling thread into a new namespace with `lo` up and Docker's sysctls. With maps it belongs to a new user
/// namespace.
pub(crate) fn prepare(ids: Option<&IdMaps>, sysctls: &Sysctls) -> io::Result<Made> {
    let created = match ids {
        None => netns::create()?,
        Some(ids) => {
            let (uids, gids) = ids.text();
            netns::create_owned(&uids, &gids)?
        }
    };
    for (name, value) in SYSCTLS {
        // A read-only /proc/sys (an engine inside a container) is no reason to have no network.
        if let Err(error) = sysctls.write(name, value) {
            tracing::debug!(%error, "sysctl not set");
        }
    }
    // In a user namespace of its own the container mounts what it may.
    let sysfs = ids.is_none().then(new_sysfs).flatten();
    Ok(Made { created, sysfs })
}

fn new_sysfs() -> Option<OwnedFd> {
    let sysfs = || mount::new_context(c"sysfs", Some(c"sysfs"), &[], &mut Log::default());
    if mount::api().detached { sysfs().ok() } else { None }
}

/// Moves the calling thread back. A thread that cannot return must not go on as if it were at home.
pub(crate) fn return_home(home: &OwnedFd) {
    if let Err(error) = netns::enter(home.as_fd()) {
        panic!("cannot return to the host's network namespace: {error}");
    }
}

/// Runs `work` on a new thread, which may change its namespace.
pub(crate) fn on_thread<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    netns::on_thread(|| Ok(work())).map_err(system("start thread"))?
}
