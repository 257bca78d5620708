//! The pid file, and the lock on the data root.

use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why the daemon may not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error(
        "failed to start daemon, ensure it is not running or delete {}: process with PID {pid} is still running",
        path.display()
    )]
    Running { path: PathBuf, pid: u32 },
    #[error("another daemon is using the data root {}", .0.display())]
    Locked(PathBuf),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// A pid file that is removed when the daemon ends.
#[derive(Debug)]
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Writes the own process id, unless the file has that of another living process.
    pub(crate) fn write(path: &Path) -> Result<Self, ClaimError> {
        let failed = |source| ClaimError::File { path: path.to_owned(), source };
        let own = std::process::id();
        let found = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
        if let Some(pid) = found.filter(|pid| *pid != own && is_daemon(*pid)) {
            return Err(ClaimError::Running { path: path.to_owned(), pid });
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        fs::write(path, own.to_string()).map_err(failed)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A file that is gone is as good as removed.
        fs::remove_file(&self.0).ok();
    }
}

/// Whether a process lives. One that runs another executable than ours does not count: ids are used again, and after
/// `kill -9` or a reboot the file may name anything.
fn is_daemon(pid: u32) -> bool {
    let name =
        |pid: &str| fs::read_link(format!("/proc/{pid}/exe")).ok().and_then(|exe| Some(exe.file_name()?.to_owned()));
    match (name(&pid.to_string()), name("self")) {
        (Some(theirs), Some(ours)) => theirs == ours,
        (None, _) => false,
        // Without /proc nothing can be told apart.
        (Some(_), None) => true,
    }
}

/// Locks a data root for this process; the lock ends with the file.
pub(crate) fn lock(data_root: &Path) -> Result<File, ClaimError> {
    let path = data_root.join("daemon.lock");
    let failed = |source| ClaimError::File { path: path.clone(), source };
    fs::create_dir_all(data_root).map_err(failed)?;
    let mut file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(ClaimError::Locked(data_root.to_owned())),
        Err(error) => return Err(failed(error.into())),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_daemon_is_respected_and_a_dead_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/teu.pid");
        let file = PidFile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), std::process::id().to_string());
        drop(file);
        assert!(!path.exists());
        // No process has the largest id.
        fs::write(&path, u32::MAX.to_string()).unwrap();
        drop(PidFile::write(&path).unwrap());
        // Process 1 lives and is none of ours.
        fs::write(&path, "1").unwrap();
        drop(PidFile::write(&path).unwrap());
    }

    #[test]
    fn a_data_root_has_one_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        assert!(matches!(lock(dir.path()), Err(ClaimError::Locked(_))));
        drop(first);
        lock(dir.path()).unwrap();
    }
}
