//! Opening an engine: what was stored, what runs, and what follows from the difference.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use teu_image::{DriverKind, Store as ImageStore, StoreOptions};
use teu_network::Networks;
use teu_registry::RegistryConfig;
use tokio::sync::Semaphore;

use crate::backend::{Backends, Link, StoreImages};
use crate::container::{FILES, Index, RUNS, Teardowns};
use crate::engine::Inner;
use crate::events::Bus;
use crate::exec::Execs;
use crate::health::Probes;
use crate::hookup::Hookups;
use crate::log::{LogOptions, Shippers};
use crate::machine::Machine;
use crate::prune::Prunes;
use crate::store::Store;
use crate::volume::Volumes;
use crate::{Engine, EngineConfig, Error, durable};

impl Engine {
    /// Opens the state, finds or starts the keeper, reconciles what should be with what is, and applies restart
    /// policies. Returns as soon as requests can be answered; restarts and clean-up go on in the background.
    ///
    /// # Errors
    /// If the data root cannot be used, or no keeper can be started.
    pub async fn open(config: EngineConfig) -> Result<Engine, Error> {
        let opening = tokio::task::spawn_blocking(move || parts(config));
        let parts = opening.await.map_err(|e| Error::Part { part: "engine", message: e.to_string() })??;
        let Parts { config, store, contents, library, networks, machine } = parts;
        let (link, notices) = Link::open(config.exec_root.clone(), config.exe.clone())?;
        let backends = Backends {
            processes: link,
            sandboxes: Arc::new(networks.clone()),
            images: Arc::new(StoreImages(library.clone())),
            prober: Arc::new(Probes),
        };
        let registry = teu_registry::Client::new(RegistryConfig {
            insecure: config.insecure_registries.clone(),
            mirrors: config.registry_mirrors.clone(),
            certificates: Some(Path::new("/etc/docker/certs.d").to_owned()),
            user_agent: concat!("teu/", env!("CARGO_PKG_VERSION")).to_owned(),
        });
        let volumes = Volumes::new(config.data_root.join("volumes"));
        volumes.sweep();
        let events = Bus::open(&config.data_root.join("events"));
        let engine = Engine::from_inner(Inner {
            registry,
            downloads: Arc::new(Semaphore::new(config.max_concurrent_downloads.max(1))),
            volumes,
            id: contents.engine_id.clone(),
            config,
            store,
            events,
            containers: Index::default(),
            execs: Execs::default(),
            hookups: Hookups::default(),
            machine,
            backends,
            library: Some(library),
            networks: Some(networks),
            saving_networks: std::sync::Mutex::default(),
            closing: AtomicBool::new(false),
            shippers: Shippers::default(),
            prunes: Prunes::default(),
            teardowns: Teardowns::new(RUNS),
            removals: Teardowns::new(FILES),
            walks: tokio::sync::Semaphore::new(crate::system::WALKS),
        });
        engine.reconcile(contents).await?;
        tokio::spawn(crate::notices::serve(engine.clone(), notices));
        Ok(engine)
    }
}

/// What is opened without the runtime.
struct Parts {
    config: EngineConfig,
    store: Store,
    contents: crate::store::Contents,
    library: ImageStore,
    networks: Networks,
    machine: Machine,
}

fn parts(config: EngineConfig) -> Result<Parts, Error> {
    LogOptions::parse(&config.log_driver, &config.log_opts)
        .map_err(|error| Error::Invalid(format!("failed to set log opts: {error}")))?;
    for folder in [&config.data_root, &config.exec_root] {
        make_folder(folder, 0o711)?;
    }
    // Logs are nobody else's business.
    make_folder(&config.data_root.join("containers"), 0o700)?;
    let driver = config.storage_driver.as_deref().map(driver).transpose()?;
    // The three know nothing of each other and take milliseconds each.
    std::thread::scope(|scope| {
        let images = scope.spawn(|| {
            ImageStore::open(&config.data_root.join("image"), StoreOptions { driver, ..StoreOptions::default() })
        });
        let networks = scope.spawn(|| -> Result<Networks, Error> {
            Ok(Networks::open(config.network.clone(), stored_networks(&config.data_root))?)
        });
        let state = Store::open(&config.data_root.join("state.db"));
        let machine = Machine::detect().inspect(|machine| machine.apparmor.begin(&config.exec_root));
        let crashed = || Error::Part { part: "engine", message: "a part crashed while it was opened".to_owned() };
        let library = images.join().map_err(|_| crashed())??;
        if let Some(ids) = &config.ids {
            library.probe_ids(ids).map_err(|error| {
                let reason = crate::backend::chain(&error);
                Error::Invalid(format!("the files of images cannot be given other owners for --userns-remap: {reason}"))
            })?;
        }
        let networks = networks.join().map_err(|_| crashed())??;
        if let Err(error) = store_networks(&config.data_root, &networks) {
            tracing::error!(%error, "the networks could not be stored");
        }
        let (store, contents) = state?;
        let images = library.clone();
        store.keep_on_disk(move || {
            if let Err(error) = images.sync() {
                tracing::warn!(%error, "the image database could not be synced to the disk");
            }
        })?;
        Ok(Parts { store, contents, library, networks, machine: machine?, config: config.clone() })
    })
}

fn make_folder(path: &Path, mode: u32) -> Result<(), Error> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(mode).create(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

fn driver(name: &str) -> Result<DriverKind, Error> {
    match name {
        "erofs" => Ok(DriverKind::Erofs),
        "overlay" | "overlay2" => Ok(DriverKind::Overlay),
        other => Err(Error::Invalid(format!("unknown storage driver: {other}"))),
    }
}

/// Networks as they were stored; without the file the predefined ones are made anew.
fn stored_networks(data_root: &Path) -> Vec<teu_network::NetworkRecord> {
    let path = data_root.join("networks.json");
    let Ok(text) = std::fs::read(&path) else { return Vec::new() };
    serde_json::from_slice(&text).unwrap_or_else(|error| {
        let kept = teu_image::database::set_aside(&path).unwrap_or_else(|_| path.clone());
        let kept = kept.display();
        tracing::error!(%kept, %error, "the stored networks are damaged and kept aside; the predefined ones are made anew");
        Vec::new()
    })
}

impl Engine {
    /// Stores the networks as they are now. Blocks.
    pub(crate) fn save_networks(&self) -> Result<(), Error> {
        // Otherwise what is older might be written later.
        let _one_at_a_time = self.saving_networks();
        store_networks(&self.config().data_root, &self.networks()?)
    }
}

/// Stores the networks, replacing the file at once.
fn store_networks(data_root: &Path, networks: &Networks) -> Result<(), Error> {
    let path = data_root.join("networks.json");
    let stored = serde_json::to_vec(&networks.records()).map_err(std::io::Error::from);
    stored.and_then(|text| durable::replace(&path, &text)).map_err(|source| Error::File { path, source })
}
