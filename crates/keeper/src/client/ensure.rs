//! Connecting to the keeper, starting one if there is none.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::Error;

/// Where the keeper of an exec root listens.
pub(crate) fn socket_path(exec_root: &Path) -> PathBuf {
    exec_root.join("keeper.sock")
}

/// Connects, and makes sure that the other end belongs to root or to this user.
pub(super) fn connect(path: &Path) -> Result<UnixStream, Error> {
    let socket = UnixStream::connect(path).map_err(|source| Error::Connect { path: path.to_owned(), source })?;
    let peer = rustix::net::sockopt::socket_peercred(&socket).map_err(|e| Error::io("reading peer credentials", e))?;
    if peer.uid.is_root() || peer.uid == rustix::process::geteuid() {
        Ok(socket)
    } else {
        Err(Error::Credentials { path: path.to_owned(), uid: peer.uid.as_raw() })
    }
}

/// Which keeper to connect to, and how to start it if there is none.
#[derive(Debug, Clone, Copy)]
pub struct Ensure<'a> {
    /// Its exec root.
    pub exec_root: &'a Path,
    /// The `teu` executable.
    pub exe: &'a Path,
    /// The directory that all logs are below. Lets the keeper leave unrelated mounts out of its mount namespace, which
    /// makes containers start faster on hosts that have many.
    pub data_root: Option<&'a Path>,
}

/// How long a keeper that is being killed may take to disappear.
const DYING: Duration = Duration::from_secs(5);

/// A keeper that is being killed may still accept; then nobody answers. Tries again until it is gone.
pub(super) fn patiently<T>(mut connect: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let deadline = Instant::now() + DYING;
    loop {
        match connect() {
            // There is no event for this: whose descriptors are closed when is not visible from outside.
            Err(Error::Gone) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            other => return other,
        }
    }
}

/// Connects, or starts a keeper under a lock and connects then.
pub(super) fn connect_or_spawn(ensure: &Ensure<'_>) -> Result<UnixStream, Error> {
    let exec_root = ensure.exec_root;
    let path = socket_path(exec_root);
    if let Ok(socket) = connect(&path) {
        return Ok(socket);
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(exec_root)
        .map_err(|e| Error::io(format!("creating {}", exec_root.display()), e))?;
    let lock_path = exec_root.join("keeper.spawn.lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|e| Error::io(format!("opening {}", lock_path.display()), e))?;
    flock(&lock, FlockOperation::LockExclusive)
        .map_err(|e| Error::io(format!("locking {}", lock_path.display()), e))?;
    match connect(&path) {
        Err(Error::Connect { source, .. }) if is_absent(&source) => {}
        other => return other,
    }
    spawn(ensure)?;
    connect(&path)
}

/// Whether nobody listens there.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// Runs `teu keeper --background`, which returns as soon as the keeper listens, and which is not our child.
fn spawn(ensure: &Ensure<'_>) -> Result<(), Error> {
    let failed = |reason: String| Error::Spawn { exe: ensure.exe.to_owned(), reason };
    let mut command = Command::new(ensure.exe);
    command.args(["keeper", "--background", "--exec-root"]).arg(ensure.exec_root);
    if let Some(data_root) = ensure.data_root {
        command.arg("--data-root").arg(data_root);
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(e.to_string()))?;
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        // What was read before an error is still worth telling.
        let _ = stderr.read_to_string(&mut said);
    }
    let status = child.wait().map_err(|e| failed(e.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(format!("{status}: {}", said.trim()))) }
}
