//! A thread with a mount namespace of its own, in which layers are attached and overlays are made.
//!
//! Before Linux 6.15 an overlay cannot have a detached mount as a layer: layers must be attached somewhere. They are, but
//! where nobody sees it: the thread's namespace has a small root with the data folder, and the rest of the host's mounts are
//! let go, so that none is kept busy. What comes out are detached mounts (`fsmount`), which hold the layers they need
//! by themselves. When the engine dies, its namespace and the attachments die with it, and running containers notice nothing.
//!
//! ```text
//! /     tmpfs, seen by this thread only
//! /d    the store's folder
//! /l/7  layer 7 of this run: an EROFS mount, or a link to a folder below /d
//! /l/8  the same with mapped ids, for containers in a user namespace
//! /m    where an overlay is attached for a moment if the kernel lacks `lowerdir+`
//! ```

mod calls;
mod namespace;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};

use teu_oci::digest::Digest;
use teu_oci::runtime::IdMaps;

use crate::error::{Error, Result};
use namespace::Namespace;

/// How a layer becomes a lower folder of an overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LowerKind {
    /// A file with an EROFS image.
    Image,
    /// A folder.
    Directory,
}

/// A layer, as the mounter sees it.
#[derive(Clone, Debug)]
pub(crate) struct Lower {
    /// Its identity: layers are attached once.
    pub(crate) id: Digest,
    pub(crate) kind: LowerKind,
    /// Relative to the store's folder.
    pub(crate) path: PathBuf,
    /// How the ids of its files are mapped, if they are.
    pub(crate) mapped: Option<Mapped>,
}

impl Lower {
    /// A layer with the ids that it has.
    pub(crate) fn new(id: Digest, kind: LowerKind, path: PathBuf) -> Self {
        Self { id, kind, path, mapped: None }
    }
}

/// A mapping of ids.
#[derive(Clone, Debug)]
pub(crate) struct Mapped {
    pub(crate) maps: Arc<IdMaps>,
    /// The user namespace that says the same to the kernel.
    pub(crate) namespace: Arc<OwnedFd>,
}

/// What an overlay is made of. Paths are relative to the store's folder.
#[derive(Clone, Debug)]
pub(crate) struct Overlay {
    /// Top first. Two at least if nothing can be written.
    pub(crate) lowers: Vec<Lower>,
    /// Where writes go; without it the overlay is read-only.
    pub(crate) upper: Option<Upper>,
}

/// Where an overlay's writes go. Paths are relative to the store's folder.
#[derive(Clone, Debug)]
pub(crate) struct Upper {
    pub(crate) folder: PathBuf,
    pub(crate) work: PathBuf,
    /// Whether its end does not wait until the file system that it lies on is written to disk. After a crash of the machine nobody
    /// may need it any more.
    pub(crate) volatile: bool,
}

impl Upper {
    /// The options that say so, with paths as the thread sees them.
    fn options(&self) -> [(&'static str, PathBuf); 2] {
        [("upperdir", Path::new("/d").join(&self.folder)), ("workdir", Path::new("/d").join(&self.work))]
    }
}

type Job = Box<dyn FnOnce(&mut Namespace) + Send>;

/// The handle to the thread. It ends when the handle is dropped.
pub(crate) struct Mounter {
    jobs: Mutex<Sender<Job>>,
}

impl Mounter {
    /// Starts the thread for the store in `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (ready, started) = mpsc::sync_channel(1);
        let target = folder.to_owned();
        let failed = |source| Error::Mount { what: "the store's namespace".to_owned(), source };
        std::thread::Builder::new()
            .name("mounter".to_owned())
            .spawn(move || {
                let mut namespace = match Namespace::enter(&target) {
                    Ok(namespace) => namespace,
                    Err(errno) => {
                        let _ = ready.send(Err(errno));
                        return;
                    }
                };
                let _ = ready.send(Ok(()));
                while let Ok(job) = queue.recv() {
                    job(&mut namespace);
                }
            })
            .map_err(failed)?;
        match started.recv() {
            Ok(Ok(())) => Ok(Self { jobs: Mutex::new(jobs) }),
            Ok(Err(errno)) => Err(failed(errno.into())),
            Err(_) => Err(failed(io::Error::other("the thread ended"))),
        }
    }

    /// A detached overlay.
    pub(crate) fn overlay(&self, overlay: Overlay) -> Result<OwnedFd> {
        self.run(move |namespace| namespace.overlay(&overlay))
    }

    /// Lets a layer go; overlays that use it keep what they need.
    pub(crate) fn detach(&self, id: Digest) -> Result<()> {
        self.run(move |namespace| {
            namespace.detach(&id);
            Ok(())
        })
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce(&mut Namespace) -> Result<T> + Send + 'static) -> Result<T> {
        let gone = || Error::Mount { what: "overlay".to_owned(), source: io::Error::other("the mounter has ended") };
        let (reply, answer) = mpsc::sync_channel(1);
        let job = Box::new(move |namespace: &mut Namespace| drop(reply.send(job(namespace))));
        self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).send(job).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What kernels before 6.7 need: the options of all layers in one page.
    #[test]
    fn overlays_with_the_old_call() {
        if !teu_testkit::host::privileged() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let mounter = Mounter::start(folder.path()).unwrap();
        let mut lowers = Vec::new();
        for i in 0..200 {
            let layer = folder.path().join(format!("layers/{i}"));
            std::fs::create_dir_all(&layer).unwrap();
            std::fs::write(layer.join(format!("f{i}")), i.to_string()).unwrap();
            let id = Digest::of(i.to_string().as_bytes());
            lowers.push(Lower::new(id, LowerKind::Directory, format!("layers/{i}").into()));
        }
        for name in ["fs", "work"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let upper = Upper { folder: "fs".into(), work: "work".into(), volatile: false };
        let overlay = Overlay { lowers, upper: Some(upper) };
        let mount = mounter
            .run(move |namespace| {
                namespace.new_api = false;
                namespace.overlay(&overlay)
            })
            .unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        let root = rustix::fs::openat(&mount, ".", flags, rustix::fs::Mode::empty()).unwrap();
        assert_eq!(rustix::fs::Dir::read_from(&root).unwrap().count(), 200 + 2);
    }
}
