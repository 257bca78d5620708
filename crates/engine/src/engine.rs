//! The handle on everything.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use teu_image::Store as ImageStore;
use teu_keeper::protocol::RuntimeChoice;
use teu_network::Networks;
use tokio::sync::Semaphore;

use crate::backend::{Backends, Images, Processes, Sandboxes};
use crate::container::{Definition, Files, Index, Teardowns};
use crate::events::{Bus, Subject};
use crate::exec::Execs;
use crate::health::Prober;
use crate::hookup::Hookups;
use crate::log::Shippers;
use crate::machine::Machine;
use crate::prune::Prunes;
use crate::store::Store;
use crate::volume::Volumes;
use crate::{EngineConfig, Error};

/// Name of the runtime that the keeper is itself.
pub(crate) const NATIVE_RUNTIME: &str = "runc";

/// Further names of it: its own, and that of the shim which Docker runs runc with.
pub(crate) const NATIVE_RUNTIME_ALIASES: [&str; 2] = ["teu", "io.containerd.runc.v2"];

/// The engine. Clones are handles on the same one.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: EngineConfig,
    pub(crate) id: String,
    pub(crate) store: Store,
    pub(crate) events: Bus,
    pub(crate) containers: Index,
    pub(crate) execs: Execs,
    pub(crate) hookups: Hookups,
    pub(crate) volumes: Volumes,
    pub(crate) machine: Machine,
    pub(crate) backends: Backends,
    /// The image store as clients see it; absent in tests of containers alone.
    pub(crate) library: Option<ImageStore>,
    /// The networks as clients see them; absent in tests of containers alone.
    pub(crate) networks: Option<Networks>,
    /// Held while they are stored.
    pub(crate) saving_networks: Mutex<()>,
    pub(crate) registry: teu_registry::Client,
    /// One permit for each layer that may come from a registry at the same time.
    pub(crate) downloads: Arc<Semaphore>,
    pub(crate) closing: AtomicBool,
    pub(crate) shippers: Shippers,
    pub(crate) prunes: Prunes,
    pub(crate) teardowns: Teardowns,
    /// Removed containers whose files are still there, and with them the layers of their images.
    pub(crate) removals: Teardowns,
    /// One permit for each folder that may be walked for its size at the same time.
    pub(crate) walks: Semaphore,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("data_root", &self.0.config.data_root).finish_non_exhaustive()
    }
}

impl Engine {
    pub(crate) fn from_inner(inner: Inner) -> Engine {
        Engine(Arc::new(inner))
    }

    /// Takes no more work and writes the state out. Containers keep running under the keeper.
    pub async fn shutdown(&self) {
        self.0.closing.store(true, Ordering::Relaxed);
        let engine = self.clone();
        // A panic is logged by the runtime.
        drop(tokio::task::spawn_blocking(move || engine.events().flush()).await);
        if let Err(error) = self.0.store.flush().done().await {
            tracing::error!(%error, "the last writes of the state database failed");
        }
    }

    /// The settings it was opened with.
    pub fn config(&self) -> &EngineConfig {
        &self.0.config
    }

    /// Identity of this engine, the same for good.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    pub(crate) fn events(&self) -> &Bus {
        &self.0.events
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn containers(&self) -> &Index {
        &self.0.containers
    }

    pub(crate) fn execs(&self) -> &Execs {
        &self.0.execs
    }

    pub(crate) fn hookups(&self) -> &Hookups {
        &self.0.hookups
    }

    pub(crate) fn volumes(&self) -> &Volumes {
        &self.0.volumes
    }

    pub(crate) fn shippers(&self) -> &Shippers {
        &self.0.shippers
    }

    pub(crate) fn walks(&self) -> &Semaphore {
        &self.0.walks
    }

    pub(crate) fn teardowns(&self) -> &Teardowns {
        &self.0.teardowns
    }

    pub(crate) fn removals(&self) -> &Teardowns {
        &self.0.removals
    }

    pub(crate) fn prunes(&self) -> &Prunes {
        &self.0.prunes
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.0.machine
    }

    pub(crate) fn processes(&self) -> &dyn Processes {
        &*self.0.backends.processes
    }

    pub(crate) fn sandboxes(&self) -> &dyn Sandboxes {
        &*self.0.backends.sandboxes
    }

    pub(crate) fn images(&self) -> &dyn Images {
        &*self.0.backends.images
    }

    pub(crate) fn prober(&self) -> &dyn Prober {
        &*self.0.backends.prober
    }

    pub(crate) fn library(&self) -> Result<ImageStore, Error> {
        self.0.library.clone().ok_or_else(|| Error::Unavailable("there is no image store".to_owned()))
    }

    pub(crate) fn registry(&self) -> &teu_registry::Client {
        &self.0.registry
    }

    pub(crate) fn downloads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.downloads)
    }

    pub(crate) fn networks(&self) -> Result<Networks, Error> {
        self.0.networks.clone().ok_or_else(|| Error::Unavailable("there are no networks".to_owned()))
    }

    pub(crate) fn saving_networks(&self) -> MutexGuard<'_, ()> {
        self.0.saving_networks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Folder of a container's own files.
    pub(crate) fn container_folder(&self, id: &str) -> PathBuf {
        self.containers_folder().join(id)
    }

    /// Folder of all containers.
    pub(crate) fn containers_folder(&self) -> PathBuf {
        self.0.config.data_root.join("containers")
    }

    /// A container's own files.
    pub(crate) fn container_files(&self, id: &str) -> Files {
        Files::of(&self.containers_folder(), id)
    }

    /// A container's cgroup, relative to each hierarchy's root.
    pub(crate) fn cgroup_path(&self, definition: &Definition) -> String {
        let wanted = &definition.host.cgroup_parent;
        let parent = if wanted.is_empty() { &self.0.config.cgroup_parent } else { wanted };
        // As with Docker, no parent leads out of the hierarchy.
        let parent = crate::container::clean_path(parent);
        format!("{}/{}", parent.trim_end_matches('/'), definition.id)
    }

    /// The runtime of this name.
    pub(crate) fn runtime_choice(&self, name: &str) -> Result<RuntimeChoice, Error> {
        match self.0.config.runtimes.get(name) {
            Some(path) => Ok(RuntimeChoice::External { path: path.clone(), args: Vec::new() }),
            None if name.is_empty() || name == NATIVE_RUNTIME || NATIVE_RUNTIME_ALIASES.contains(&name) => {
                Ok(RuntimeChoice::Native)
            }
            None => Err(Error::Invalid(format!("unknown or invalid runtime name: {name}"))),
        }
    }

    /// Publishes an event about a container, with its attributes and `more`.
    pub(crate) fn container_event(&self, definition: &Definition, action: &str, more: &[(&str, String)]) {
        let mut attributes = definition.attributes();
        attributes.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        self.events().publish(Subject::Container, action, &definition.id, attributes);
    }
}
