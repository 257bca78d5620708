//! The entry point: all networks of one engine.

use std::sync::Arc;

use crate::{AttachRequest, Config, Error, LiveContainer, NetworkInfo, NetworkRecord, PortBinding, Sandbox};

/// All networks of one engine. Cheap to clone; all methods block for a short time at most (see each).
#[derive(Clone, Debug)]
pub struct Networks {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {}

/// What [`Networks::adopt`] found.
#[derive(Debug, Default)]
pub struct Adoption {
    /// Links of the bridge that belonged to no live container and are gone now.
    pub removed_links: Vec<String>,
    /// Containers whose link is gone (somebody deleted it): they run without a network.
    pub lost: Vec<String>,
    /// Published ports that a process of the host took meanwhile; translation works, reservation does not.
    pub conflicts: Vec<PortConflict>,
}

/// A published port that could not be reserved again.
#[derive(Debug)]
pub struct PortConflict {
    /// Id of the container.
    pub container: String,
    /// The port.
    pub binding: PortBinding,
}

impl Networks {
    /// Makes or verifies the bridge, its addresses, sysctls and the firewall table. `records` are what
    /// [`records`](Networks::records) returned before; predefined networks that are missing are added.
    /// Call [`adopt`](Networks::adopt) next: only then namespaces are made ahead of time.
    pub fn open(config: Config, records: Vec<NetworkRecord>) -> Result<Networks, Error> {
        let _ = (config, records);
        todo!()
    }

    /// Reconciles kernel and records by full diff: links, elements and allocations of containers that are not
    /// in `live` are removed, those of `live` are verified or made again. Idempotent.
    pub fn adopt(&self, live: &[LiveContainer]) -> Result<Adoption, Error> {
        let _ = (live, &self.inner);
        todo!()
    }

    /// What the caller persists; the same as given to [`open`](Networks::open) plus what was added since.
    pub fn records(&self) -> Vec<NetworkRecord> {
        todo!()
    }

    /// All networks with their containers, by creation.
    pub fn list(&self) -> Vec<NetworkInfo> {
        todo!()
    }

    /// One network by name, id or unambiguous prefix of an id.
    pub fn inspect(&self, name: &str) -> Result<NetworkInfo, Error> {
        let _ = name;
        todo!()
    }

    /// Gives a container its namespace, address and published ports: well under a millisecond when a
    /// namespace is ready, 1–2 ms otherwise. On an error nothing remains.
    pub fn attach(&self, request: AttachRequest) -> Result<Sandbox, Error> {
        let _ = request;
        todo!()
    }

    /// Takes everything back that [`attach`](Networks::attach) gave the container. Ports are free when this returns,
    /// links go in the background. Does nothing for an unknown container.
    pub fn release(&self, container: &str) -> Result<(), Error> {
        let _ = container;
        todo!()
    }

    /// Renames a container in what `inspect` shows.
    pub fn rename(&self, container: &str, name: &str) {
        let _ = (container, name);
        todo!()
    }

    /// What an administrator should know, for `info`: one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        todo!()
    }
}
