//! What the engine stands on, as traits, so that containers' transitions are tested without root.

#[cfg(test)]
pub(crate) mod fake;
mod image;
mod keeper;
mod network;

use std::fmt::Debug;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use teu_image::{Image, SnapshotOptions};
use teu_keeper::Listed;
use teu_keeper::protocol::{Reply, Request};
use teu_network::{AttachRequest, Endpoint, Join, ResolverConfig, Sandbox};
use teu_oci::digest::Digest;
use teu_oci::runtime::IdMaps;

use crate::Error;
use crate::health::Prober;

pub(crate) use image::StoreImages;
pub(crate) use keeper::{Link, Notice};

/// How many keepers may die over one request, which the next is asked again. So many die if somebody kills one after the
/// other, on a machine that is too busy to do anything in between; or over a request that no keeper survives, which ends
/// here, a second later: containers run on meanwhile.
pub(crate) const KEEPERS: u32 = 20;

/// What a call to the keeper brings.
pub(crate) type Answer = Result<(Reply, Vec<OwnedFd>), teu_keeper::Error>;

/// Processes: the keeper.
pub(crate) trait Processes: Send + Sync + Debug {
    /// Sends a request.
    fn call(&self, request: Request, fds: Vec<OwnedFd>) -> BoxFuture<'static, Answer>;
    /// Sends a request to the keeper of `epoch`. To another it is not sent: the answer is as if it were gone.
    fn call_at(&self, epoch: u64, request: Request, fds: Vec<OwnedFd>) -> BoxFuture<'static, Answer>;
    /// Everything the keeper knows.
    fn list(&self) -> BoxFuture<'static, Result<Vec<Listed>, teu_keeper::Error>>;
    /// Counts keepers: to be asked before a call, for [`renewed`](Processes::renewed) after it.
    fn epoch(&self) -> u64;
    /// Resolves when there is a newer keeper than at `epoch`.
    fn renewed(&self, epoch: u64) -> BoxFuture<'static, Result<(), Error>>;
}

/// Network namespaces and what is in them. Blocks shortly.
pub(crate) trait Sandboxes: Send + Sync + Debug {
    /// Gives a container its place in a network.
    fn attach(&self, request: AttachRequest) -> Result<Sandbox, Error>;
    /// Connects a container that runs, by id and name, to a further network. Answers with all its places.
    fn connect(
        &self,
        container: (&str, &str),
        join: Join,
        namespace: BorrowedFd<'_>,
        resolver: &ResolverConfig,
    ) -> Result<Vec<Endpoint>, Error>;
    /// Disconnects a container that runs from a network. Answers with the places that are left.
    fn disconnect(
        &self,
        container: &str,
        network: &str,
        namespace: Option<BorrowedFd<'_>>,
    ) -> Result<Vec<Endpoint>, Error>;
    /// Shows it nowhere any more, ahead of the rest: it has ended. Does not block.
    fn hide(&self, container: &str);
    /// Takes it back.
    fn release(&self, container: &str) -> Result<(), Error>;
    /// Changes the name that is shown.
    fn rename(&self, container: &str, name: &str);
    /// The name of a network given by name, id or prefix.
    fn network_name(&self, network: &str) -> Result<String, Error>;
    /// The address that containers reach the host at.
    fn host_gateway(&self) -> Option<std::net::IpAddr>;
}

/// Images and root file systems made of them. Blocks.
pub(crate) trait Images: Send + Sync + Debug {
    /// Finds an image.
    fn resolve(&self, name: &str) -> Result<Image, Error>;
    /// The same from memory, if it is there. Does not block.
    fn resolved(&self, _name: &str) -> Option<Image> {
        None
    }
    /// Makes a root file system.
    fn prepare(&self, key: &str, image: &Digest, options: &SnapshotOptions) -> Result<(), Error>;
    /// Mounts it, detached.
    fn mount(&self, key: &str) -> Result<OwnedFd, Error>;
    /// Whether what containers have only because they are containers is below it already.
    fn is_over_init(&self, _key: &str) -> Result<bool, Error> {
        Ok(false)
    }
    /// Deletes it.
    fn remove(&self, key: &str) -> Result<(), Error>;
    /// Makes sure of one that there should be.
    fn restore(&self, key: &str, image: &str, ids: Option<&IdMaps>) -> Result<Restored, Error>;
    /// All there are.
    fn keys(&self) -> Result<Vec<String>, Error>;
    /// Bytes written to it.
    fn written(&self, key: &str) -> Result<u64, Error>;
    /// Name of the storage driver.
    fn driver(&self) -> &'static str;
}

/// What became of a root file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restored {
    /// It is there.
    There,
    /// It was never finished, or its removal had begun.
    Gone,
    /// It belongs to this storage driver, which is not in use.
    Elsewhere(&'static str),
}

/// All of them.
#[derive(Debug, Clone)]
pub(crate) struct Backends {
    pub(crate) processes: Arc<dyn Processes>,
    pub(crate) sandboxes: Arc<dyn Sandboxes>,
    pub(crate) images: Arc<dyn Images>,
    pub(crate) prober: Arc<dyn Prober>,
}

/// Text of an error with all its sources, in Go's manner.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        // Some errors quote their source already.
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}
