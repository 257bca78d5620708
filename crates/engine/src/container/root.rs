//! A container's files as its processes see them, whether it runs or not.
//!
//! Of a running container it is the root of its first process, with everything mounted there. Of one that does not run,
//! its root file system is mounted with its volumes in a mount namespace that exists for this alone. Whoever needs it
//! at the same time shares it: an overlay must not be mounted twice.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::UnshareFlags;
use teu_archive::Tree;
use teu_sys::mount::{self, Attributes, Change, Propagation};
use tokio::sync::oneshot;

use super::actor::{Actor, Command};
use super::definition::Definition;
use super::handle::{Handle, View};
use super::mounts::{self, Opened};
use super::start::prepare;
use crate::{Engine, Error};

/// How often a container may end while somebody reaches for its files.
const ATTEMPTS: usize = 5;
/// How long it may take until an end is known, a keeper's death included.
const END: Duration = Duration::from_secs(10);

/// A container's files, as long as this lives.
#[derive(Debug)]
pub(crate) struct Rootfs {
    root: OwnedFd,
    /// The root file system alone, for a start that comes meanwhile.
    overlay: Option<OwnedFd>,
    /// Holds what is mounted.
    _namespace: Option<OwnedFd>,
}

/// What an actor answers.
#[derive(Debug)]
pub(crate) enum Lease {
    /// The files of this process.
    Running(i32),
    /// Files that were mounted for the purpose.
    Mounted(Arc<Rootfs>),
}

impl Rootfs {
    /// The tree.
    pub(crate) fn tree(&self) -> Tree<'_> {
        Tree::new(self.root.as_fd())
    }

    /// Its root.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Another mount of the same overlay, for the container's processes. Before Linux 6.15 what is attached to nothing
    /// cannot be cloned: none.
    pub(super) fn another(&self) -> Option<OwnedFd> {
        mount::clone_tree(self.overlay.as_ref()?.as_fd(), c"", false).ok()
    }
}

impl Engine {
    /// A container's files.
    pub(super) async fn rootfs(&self, handle: &Handle) -> Result<Arc<Rootfs>, Error> {
        for _ in 0..ATTEMPTS {
            let pid = match handle.ask(Command::Root).await? {
                Lease::Mounted(rootfs) => return Ok(rootfs),
                Lease::Running(pid) => pid,
            };
            let path = PathBuf::from(format!("/proc/{pid}/root"));
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let opened = rustix::fs::open(&path, flags, Mode::empty());
            // The number may belong to somebody else by now, but not if the container still runs.
            let is_same = |view: &View| view.state.run().is_some_and(|run| run.pid == pid);
            match opened {
                Ok(root) if is_same(&handle.view()) => {
                    return Ok(Arc::new(Rootfs { root, overlay: None, _namespace: None }));
                }
                Ok(_) | Err(Errno::NOENT | Errno::SRCH) => {}
                Err(errno) => return Err(Error::File { path, source: errno.into() }),
            }
            // It has ended: once that is known, its files can be mounted.
            if !handle.wait_for(END, |view| !is_same(view)).await {
                break;
            }
        }
        Err(Error::Conflict(format!("container {} has just ended, try again", handle.id)))
    }
}

impl Actor {
    /// Answers with the container's files.
    pub(super) async fn root(&mut self, reply: oneshot::Sender<Result<Lease, Error>>) {
        let lease = self.lease().await;
        // The client may have gone away meanwhile.
        drop(reply.send(lease));
    }

    async fn lease(&mut self) -> Result<Lease, Error> {
        let view = self.view();
        if let Some(run) = view.state.run() {
            return Ok(Lease::Running(run.pid));
        }
        if let Some(rootfs) = self.shared.upgrade() {
            return Ok(Lease::Mounted(rootfs));
        }
        self.settle().await;
        let prepared = match self.take_prepared() {
            Some(prepared) => prepared,
            None => prepare(&self.engine, &view.definition, Weak::new()),
        };
        let failed = |e: tokio::task::JoinError| Error::Part { part: "files", message: e.to_string() };
        let overlay = prepared.await.map_err(failed)??.rootfs;
        let (engine, definition) = (self.engine.clone(), Arc::clone(&view.definition));
        let built = tokio::task::spawn_blocking(move || build(&engine, &definition, overlay));
        let rootfs = Arc::new(built.await.map_err(failed)??);
        self.shared = Arc::downgrade(&rootfs);
        Ok(Lease::Mounted(rootfs))
    }
}

/// Mounts what a container that does not run would see.
fn build(engine: &Engine, definition: &Definition, overlay: OwnedFd) -> Result<Rootfs, Error> {
    let mut opened = mounts::open(definition, overlay.as_fd(), engine.volumes())?;
    let read_only: Vec<&Path> =
        definition.mounts.iter().filter(|mount| mount.read_only).map(|mount| Path::new(&mount.destination)).collect();
    opened.extend(own_files(engine, definition));
    if opened.is_empty() {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(&overlay, ".", flags, Mode::empty()).map_err(part)?;
        return Ok(Rootfs { root, overlay: Some(overlay), _namespace: None });
    }
    let place = engine.container_folder(&definition.id);
    let owner = definition.ids.as_ref().and_then(|ids| ids.outside(0, 0));
    // A thread of its own: it never comes back from the namespace.
    let built = std::thread::scope(|scope| scope.spawn(|| attach(&place, overlay, opened, &read_only, owner)).join());
    built.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(part)
}

fn part(errno: impl Into<std::io::Error>) -> Error {
    Error::Part { part: "mounting the container's files", message: errno.into().to_string() }
}

/// The files that the engine mounts into the container, as far as an earlier run left some.
fn own_files(engine: &Engine, definition: &Definition) -> Vec<Opened> {
    let files = engine.container_files(&definition.id);
    let wanted =
        [("/etc/hostname", files.hostname), ("/etc/hosts", files.hosts), ("/etc/resolv.conf", files.resolv_conf)];
    let open = |(destination, path): (&str, PathBuf)| {
        let path = std::ffi::CString::new(path.into_os_string().into_encoded_bytes()).ok()?;
        let fd = mount::clone_tree(CWD, &path, false).ok()?;
        Some(Opened { destination: PathBuf::from(destination), fd })
    };
    wanted.into_iter().filter_map(open).collect()
}

/// Attaches everything in a namespace of the calling thread. Mount points are the owner's.
fn attach(
    place: &Path,
    overlay: OwnedFd,
    opened: Vec<Opened>,
    read_only: &[&Path],
    owner: Option<(u32, u32)>,
) -> std::io::Result<Rootfs> {
    teu_sys::process::unshare(UnshareFlags::NEWNS)?;
    mount::set_propagation(c"/", Propagation::Slave, true)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let target = rustix::fs::open(place, flags, Mode::empty())?;
    let overlay = match mount::clone_tree(overlay.as_fd(), c"", false) {
        Ok(clone) => {
            mount::attach(clone.as_fd(), target.as_fd())?;
            Some(overlay)
        }
        Err(_) => {
            mount::attach(overlay.as_fd(), target.as_fd())?;
            None
        }
    };
    // Looked up again: now the overlay is there.
    let root = rustix::fs::open(place, flags, Mode::empty())?;
    let tree = Tree::new(root.as_fd()).owned_by(owner);
    for Opened { destination, fd } in opened {
        let point = mount_point(tree, &destination, fd.as_fd())?;
        mount::attach(fd.as_fd(), point.as_fd())?;
        if read_only.contains(&destination.as_path()) {
            mount::change(fd.as_fd(), &Change::set(Attributes::RDONLY))?;
        }
    }
    let namespace = rustix::fs::open("/proc/thread-self/ns/mnt", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(Rootfs { root, overlay, _namespace: Some(namespace) })
}

/// What is at `destination`, made if there is nothing, as a start would.
fn mount_point(tree: Tree<'_>, destination: &Path, source: BorrowedFd<'_>) -> std::io::Result<OwnedFd> {
    match tree.resolve(destination) {
        Ok(found) => return Ok(found.fd),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Err(_) => {}
    }
    if FileType::from_raw_mode(rustix::fs::fstat(source)?.st_mode) == FileType::Directory {
        return tree.make_folder(destination);
    }
    let (Some(folder), Some(name)) = (destination.parent(), destination.file_name()) else {
        return Err(Errno::ISDIR.into());
    };
    let folder = tree.make_folder(folder)?;
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    drop(rustix::fs::openat(&folder, name, flags, Mode::from_raw_mode(0o755))?);
    Ok(tree.resolve(destination)?.fd)
}
