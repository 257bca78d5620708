//! Connecting to the keeper, starting one if there is none.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// Connects, or starts a keeper under a lock and connects then.
pub(super) fn connect_or_spawn(exec_root: &Path, exe: &Path) -> Result<UnixStream, Error> {
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
    spawn(exec_root, exe)?;
    connect(&path)
}

/// Whether nobody listens there.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// Runs `teu keeper --background`, which returns as soon as the keeper listens, and which is not our child.
fn spawn(exec_root: &Path, exe: &Path) -> Result<(), Error> {
    let failed = |reason: String| Error::Spawn { exe: exe.to_owned(), reason };
    let mut child = Command::new(exe)
        .args(["keeper", "--background", "--exec-root"])
        .arg(exec_root)
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
