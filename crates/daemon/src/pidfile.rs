//! The pid file, and the lock on the data root.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a process may take from its start to its program.
const PATIENCE: Duration = Duration::from_secs(10);

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
    lock_within(data_root, PATIENCE)
}

fn lock_within(data_root: &Path, patience: Duration) -> Result<File, ClaimError> {
    let path = data_root.join("daemon.lock");
    let failed = |source| ClaimError::File { path: path.clone(), source };
    fs::create_dir_all(data_root).map_err(failed)?;
    let mut file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    let locked = match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) if !is_held_by_a_daemon(&path) => wait(&file, patience).map_err(failed)?,
        Err(Errno::WOULDBLOCK) => false,
        other => other.map(|()| true).map_err(|error| failed(error.into()))?,
    };
    if !locked {
        return Err(ClaimError::Locked(data_root.to_owned()));
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

/// Whether the process that wrote its id into a lock's file lives.
fn is_held_by_a_daemon(path: &Path) -> bool {
    let holder = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
    holder.is_some_and(|pid| pid != std::process::id() && is_daemon(pid))
}

/// Waits for the lock of a daemon that is dead. It was killed while it started a keeper: until that executes its own program,
/// it has what the daemon had open. False if that takes too long.
fn wait(file: &File, patience: Duration) -> io::Result<bool> {
    // The same lock by another descriptor.
    let same = file.try_clone()?;
    let (sender, locked) = mpsc::channel();
    thread::spawn(move || sender.send(flock(same, FlockOperation::LockExclusive)));
    match locked.recv_timeout(patience) {
        Ok(result) => Ok(result.map(|()| true)?),
        Err(_) => Ok(false),
    }
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
        assert!(matches!(lock_within(dir.path(), Duration::ZERO), Err(ClaimError::Locked(_))));
        drop(first);
        lock(dir.path()).unwrap();
    }

    /// As a keeper does for a moment that is being started.
    #[test]
    fn a_child_of_a_dead_daemon_is_waited_for() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        // No process has the largest id.
        fs::write(dir.path().join("daemon.lock"), u32::MAX.to_string()).unwrap();
        let next = thread::scope(|scope| {
            let next = scope.spawn(|| lock(dir.path()));
            let inode = format!(":{} ", first.metadata().unwrap().ino());
            let waits = |line: &str| line.contains("->") && line.contains(&inode);
            while !next.is_finished() && !fs::read_to_string("/proc/locks").unwrap().lines().any(waits) {
                thread::yield_now();
            }
            drop(first);
            next.join().unwrap()
        });
        let next = next.unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("daemon.lock")).unwrap().trim(), std::process::id().to_string());
        drop(next);
    }
}
