//! An engine on fake backends.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use teu_api::container::{Config, CreateOptions, CreateRequest, HostConfig};
use teu_registry::{Client, RegistryConfig};

use crate::backend::Backends;
use crate::backend::fake::{FakeImages, FakeKeeper, FakeNetworks, FakeProber};
use crate::container::{FILES, Index, RUNS, Teardowns};
use crate::engine::Inner;
use crate::events::Bus;
use crate::exec::Execs;
use crate::hookup::Hookups;
use crate::log::Shippers;
use crate::machine::Machine;
use crate::prune::Prunes;
use crate::store::Store;
use crate::volume::Volumes;
use crate::{Engine, EngineConfig};

/// A folder for an engine, removed at the end though the engine was not shut down: what its threads are just writing is
/// waited for.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let late = Instant::now() + Duration::from_secs(5);
        while let Err(error) = std::fs::remove_dir_all(self.path())
            && error.kind() == ErrorKind::DirectoryNotEmpty
            && Instant::now() < late
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// An engine and what is behind it.
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) keeper: Arc<FakeKeeper>,
    pub(crate) networks: Arc<FakeNetworks>,
    pub(crate) images: Arc<FakeImages>,
    pub(crate) prober: Arc<FakeProber>,
}

/// Opens an engine in `folder`, over what an earlier one left there.
pub(crate) async fn rig(folder: &Path) -> Rig {
    let (keeper, notices) = FakeKeeper::new();
    let networks = Arc::new(FakeNetworks::default());
    let root = folder.join("rootfs");
    std::fs::create_dir_all(&root).expect("a folder");
    std::fs::create_dir_all(folder.join("data/containers")).expect("a folder");
    let images = Arc::new(FakeImages { root, snapshots: std::sync::Mutex::default() });
    rig_over(folder, keeper, notices, networks, images).await
}

/// The same, with a keeper that has lived through something.
pub(crate) async fn rig_over(
    folder: &Path,
    keeper: Arc<FakeKeeper>,
    notices: tokio::sync::mpsc::UnboundedReceiver<crate::backend::Notice>,
    networks: Arc<FakeNetworks>,
    images: Arc<FakeImages>,
) -> Rig {
    let mut config = EngineConfig::new("/nowhere".into());
    config.data_root = folder.join("data");
    config.exec_root = folder.join("run");
    let prober = Arc::new(FakeProber::default());
    let (store, contents) = Store::open(&config.data_root.join("state.db")).expect("a database");
    let backends = Backends {
        processes: keeper.clone(),
        sandboxes: networks.clone(),
        images: images.clone(),
        prober: prober.clone(),
    };
    let engine = Engine::from_inner(Inner {
        id: contents.engine_id.clone(),
        volumes: Volumes::new(config.data_root.join("volumes")),
        config,
        store,
        events: Bus::new(),
        containers: Index::default(),
        execs: Execs::default(),
        hookups: Hookups::default(),
        machine: Machine::bare(),
        backends,
        library: None,
        networks: None,
        saving_networks: std::sync::Mutex::default(),
        registry: Client::new(RegistryConfig::default()),
        downloads: Arc::new(tokio::sync::Semaphore::new(1)),
        closing: AtomicBool::new(false),
        shippers: Shippers::default(),
        prunes: Prunes::default(),
        teardowns: Teardowns::new(RUNS),
        removals: Teardowns::new(FILES),
        walks: tokio::sync::Semaphore::new(crate::system::WALKS),
    });
    engine.reconcile(contents).await.expect("reconciled");
    tokio::spawn(crate::notices::serve(engine.clone(), notices));
    Rig { engine, keeper, networks, images, prober }
}

impl Rig {
    /// Creates a container that runs `program`.
    pub(crate) async fn create(&self, name: &str, program: &str, host: HostConfig) -> String {
        let options = CreateOptions { name: name.to_owned(), ..CreateOptions::default() };
        self.engine.container_create(&options, request(program, host)).await.expect("created").id
    }

    /// Creates and starts one.
    pub(crate) async fn run(&self, name: &str, program: &str, host: HostConfig) -> String {
        let id = self.create(name, program, host).await;
        self.engine.container_start(&id).await.expect("started");
        id
    }
}

/// A request for a container of the fake image.
pub(crate) fn request(program: &str, host: HostConfig) -> CreateRequest {
    let config = Config { image: "busybox".to_owned(), cmd: Some(vec![program.to_owned()]), ..Config::default() };
    CreateRequest { config, host_config: Some(host), networking_config: None }
}
