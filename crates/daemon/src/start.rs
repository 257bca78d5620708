//! The life of the daemon's process.

use crate::config::{self, ConfigError, Host, Invocation, Settings};
use crate::http::{App, Entry};
use crate::logging::{self, Level};
use crate::notify;
use crate::pidfile::{self, ClaimError, PidFile};
use crate::replace;
use crate::server::{self, Kept, ListenError, Listener, Server, TlsSettings};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use teu_engine::{Engine, EngineConfig};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Workers of the runtime. The daemon waits more than it computes.
const WORKERS: usize = 2;
/// Arenas of the allocator; few threads allocate at the same time.
const ARENAS: i32 = 2;
/// Most threads for blocking calls, such as unpacking and deleting files.
const BLOCKING: usize = 32;
/// How long such a thread stays when it has nothing to do.
const BLOCKING_IDLE: Duration = Duration::from_secs(2);
/// Time for requests in progress at shutdown, as Docker's default.
const SHUTDOWN: Duration = Duration::from_secs(15);

/// Time for requests in progress when another executable takes over and there was no quiet moment: new ones wait meanwhile.
const CUT: Duration = Duration::from_millis(100);

/// Why the daemon ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("failed to start daemon: {0}")]
    Engine(String),
    #[error("failed to start daemon: {0}")]
    Io(#[from] io::Error),
    #[error("cannot execute {}: {source}", exe.display())]
    Execute { exe: PathBuf, source: io::Error },
    #[error("dockerd needs to be started with root privileges")]
    NotRoot,
    #[error("failed to start daemon: {0}")]
    Kernel(#[from] teu_sys::kernel::Lacking),
    #[error(
        "failed to start daemon: a filter around this process refuses fsopen, open_tree or move_mount, with which images \
         are mounted: start it where they are allowed (teu-runtime alone does without them)"
    )]
    Mounts,
}

/// Runs the daemon until it is told to end.
pub(crate) fn run(invocation: &Invocation) -> Result<(), StartError> {
    // Before the first thread: each would get an arena of its own.
    teu_sys::heap::limit_arenas(ARENAS);
    let settings = config::load(invocation)?;
    let hosts = settings.addresses(invocation.personality)?;
    let engine = settings.engine(replace::executable()?)?;
    if invocation.validate {
        eprintln!("configuration OK");
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        return Err(StartError::NotRoot);
    }
    teu_sys::kernel::check_calls()?;
    if !teu_sys::mount::api().detached {
        return Err(StartError::Mounts);
    }
    let level = logging::init(&settings);
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let _pidfile = PidFile::write(&settings.pidfile)?;
    let _lock = pidfile::lock(&settings.data_root)?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(serve(invocation, settings, hosts, engine, level));
    if let Ok(End::Replaced(kept)) = &outcome {
        // What is left to do is left as by a daemon that was killed.
        return Err(replace::execute(kept));
    }
    // Blocking calls that hang must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome.map(drop)
}

/// How the daemon ended.
enum End {
    Stopped,
    /// Another program goes on with these sockets.
    Replaced(Vec<Kept>),
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING)
        .thread_keep_alive(BLOCKING_IDLE)
        .thread_name("teu-daemon")
        .enable_all()
        .build()
}

async fn serve(
    invocation: &Invocation,
    settings: Settings,
    hosts: Vec<Host>,
    engine: EngineConfig,
    level: Level,
) -> Result<End, StartError> {
    let mut signals = Signals::new()?;
    if settings.live_restore == Some(false) {
        tracing::warn!("containers keep running while the daemon is down: live-restore=false has no effect");
    }
    // Bound first, so that clients of a restarting daemon wait instead of being refused.
    let listeners = server::bind(&hosts, settings.group.as_deref(), tls(&settings).as_ref()).await?;
    let kept = listeners.iter().map(Listener::keep).collect::<io::Result<Vec<_>>>()?;
    let engine = Engine::open(engine).await.map_err(|error| StartError::Engine(crate::http::message(&error)))?;
    let server = Server::start(listeners, &Entry::new(App { engine: engine.clone() }));
    notify::ready();
    tracing::info!("Daemon has completed initialization");
    // What start-up needed is not needed any more.
    teu_sys::heap::trim();

    loop {
        match signals.next().await {
            Action::Reload => reload(invocation, &level),
            Action::End => break,
            Action::Replace => {
                if let Err(reason) = replace::check().await {
                    tracing::error!("the executable is not replaced: {reason}");
                    continue;
                }
                tracing::info!("another executable takes over");
                notify::reloading();
                server.quiet(grace(&settings)).await;
                server.stop(CUT).await;
                engine.shutdown().await;
                return Ok(End::Replaced(kept));
            }
        }
    }
    // From here on, whoever connects is to be refused.
    drop(kept);
    notify::stopping();
    tracing::info!("Processing shutdown: containers keep running");
    let stop = async {
        server.stop(grace(&settings)).await;
        engine.shutdown().await;
    };
    tokio::select! {
        () = stop => {}
        () = signals.forced() => tracing::warn!("told to end a second time: not waiting"),
    }
    remove_sockets(&hosts);
    Ok(End::Stopped)
}

fn grace(settings: &Settings) -> Duration {
    match settings.shutdown_timeout {
        None => SHUTDOWN,
        // Docker waits for ever on negative values.
        Some(seconds) => u64::try_from(seconds).map_or(Duration::MAX, Duration::from_secs),
    }
}

fn tls(settings: &Settings) -> Option<TlsSettings> {
    settings.uses_tls().then(|| TlsSettings {
        cert: settings.tlscert.clone(),
        key: settings.tlskey.clone(),
        client_ca: settings.tlsverify.then(|| settings.tlscacert.clone()),
    })
}

/// Reads the configuration again. What cannot change while the daemon runs takes effect with the next start.
fn reload(invocation: &Invocation, level: &Level) {
    notify::reloading();
    match config::load(invocation) {
        Ok(settings) => {
            level.apply(&settings);
            tracing::info!("Reloaded configuration from {}", invocation.config_file.display());
        }
        Err(error) => tracing::error!("cannot reload the configuration: {error}"),
    }
    notify::ready();
}

/// Sockets made here are removed; those passed by a service manager belong to it.
fn remove_sockets(hosts: &[Host]) {
    for host in hosts {
        if let Host::Unix(path) = host {
            std::fs::remove_file::<&PathBuf>(path).ok();
        }
    }
}

/// What a signal asks for.
enum Action {
    Reload,
    Replace,
    End,
}

struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
    user: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            user: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Action {
        tokio::select! {
            _ = self.hangup.recv() => Action::Reload,
            _ = self.interrupt.recv() => Action::End,
            _ = self.terminate.recv() => Action::End,
            _ = self.user.recv() => Action::Replace,
        }
    }

    /// A further signal to end.
    async fn forced(&mut self) {
        while !matches!(self.next().await, Action::End) {}
    }
}
