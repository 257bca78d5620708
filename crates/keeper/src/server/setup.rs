//! What a keeper does before it serves: one instance, a clean state, a place of its own.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::Errno;
use rustix::process::{Signal, umask};
use teu_sys::process::{CloneFlags, spawn};

use super::ward::Ward;
use super::{Options, complain, guardian, mountns};
use crate::client::socket_path;

/// How long a keeper that is being killed may take to disappear.
const DYING: Duration = Duration::from_secs(2);

/// Held by the keeper.
const LOCK: &str = "keeper.lock";

/// What a keeper stands on.
pub(super) struct Ground {
    pub(super) listener: OwnedFd,
    pub(super) lock: OwnedFd,
}

/// Containers inherit what is not set for them.
pub(super) fn clean() {
    teu_sys::signal::reset();
    umask(Mode::WGRP | Mode::WOTH);
}

/// Becomes the keeper of an exec root: locks it and listens.
pub(super) fn prepare(options: &Options) -> io::Result<Ground> {
    clean();
    if let Some(data_root) = options.data_root.as_deref().filter(|_| rustix::process::geteuid().is_root())
        && let Err(error) = mountns::enter(options, data_root)
    {
        complain(&format!("all mounts are kept: {error}"));
    }
    std::env::set_current_dir("/")?;
    let lock = lock(&options.exec_root)?;
    let listener = listen(&socket_path(&options.exec_root))?;
    // Only root with CAP_SYS_RESOURCE may; without, the keeper is as likely a victim as others.
    let _ = fs::write("/proc/self/oom_score_adj", "-999");
    Ok(Ground { listener, lock })
}

/// Whether an exec root has a keeper.
pub(super) fn is_served(exec_root: &Path) -> bool {
    let Ok(file) = File::open(exec_root.join(LOCK)) else { return false };
    flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
}

/// The lock goes with the process: a keeper that was killed does not hold it.
fn lock(exec_root: &Path) -> io::Result<OwnedFd> {
    fs::create_dir_all(exec_root)?;
    let path = exec_root.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    let deadline = Instant::now() + DYING;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file.into()),
            // Most likely by a keeper that is being killed; waiting without limit would hide one that is not.
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            Err(Errno::WOULDBLOCK) => {
                return Err(io::Error::other(format!("{} is locked: another keeper runs", path.display())));
            }
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn listen(path: &Path) -> io::Result<OwnedFd> {
    // Whose it was is known: the lock is ours.
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener.into())
}

/// Runs `work` below a guardian that is nobody's child and in a session of its own; returns in the caller. Its standard
/// error goes to `keeper.log`.
pub(super) fn in_background(exec_root: &Path, work: impl FnOnce(Option<Ward>) -> io::Result<()>) -> io::Result<()> {
    let log = File::options().create(true).append(true).open(exec_root.join("keeper.log"))?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    spawn(CloneFlags::empty(), None, || {
        let detached = detach(null.as_fd(), log.as_fd());
        guardian::over(exec_root, |ward| match detached.and_then(|()| work(ward)) {
            Ok(()) => 0,
            Err(error) => {
                complain(&error.to_string());
                1
            }
        })
    })?;
    Ok(())
}

fn detach(null: impl AsFd, log: impl AsFd) -> io::Result<()> {
    rustix::process::setsid()?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(log)?;
    // The process that made this one is about to end; nothing may tie the keeper to it.
    rustix::process::set_parent_process_death_signal(None::<Signal>)?;
    Ok(())
}
