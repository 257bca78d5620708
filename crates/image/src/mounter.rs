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

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};

use rustix::fs::{CWD, Mode};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags,
};
use teu_oci::digest::Digest;
use teu_oci::runtime::IdMaps;

use crate::error::{Error, Result};

/// Options of every overlay.
///
/// - `index=off`: no lock on the upper folder that a crashed engine would leave.
/// - `metacopy=off`: the upper folder holds whole files, so that it can be read as a layer's diff.
/// - `redirect_dir=nofollow`: the same for renamed folders; and links that a forged layer smuggles in lead nowhere.
///
/// `volatile` (no fsync) is not used: after a crash of the machine such an overlay refuses to mount, and with it
/// everything a container wrote would be lost.
const OVERLAY_OPTIONS: [(&str, &str); 3] = [("index", "off"), ("metacopy", "off"), ("redirect_dir", "nofollow")];

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

/// The thread's view: its current folder is the private root.
struct Namespace {
    attached: HashMap<(Digest, Option<Arc<IdMaps>>), Attachment>,
    next: u64,
    /// Whether the kernel takes the lower folders one by one (Linux 6.7).
    new_api: bool,
}

struct Attachment {
    name: String,
    /// Whether it is a mount; otherwise it is a link.
    mounted: bool,
}

impl Namespace {
    fn enter(folder: &Path) -> Result<Self, Errno> {
        teu_sys::process::unshare(rustix::thread::UnshareFlags::NEWNS)?;
        // Slaves: what the host unmounts goes here too, and nothing goes back.
        rustix::mount::mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
        let data =
            rustix::mount::open_tree(CWD, folder, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
        let root = new_mount("tmpfs", &[("mode", "0700"), ("size", "1m")], MountAttrFlags::empty())?;
        attach(&root, folder)?;
        rustix::process::chdir(folder)?;
        for name in ["d", "l", "m", "old"] {
            rustix::fs::mkdir(name, Mode::RWXU)?;
        }
        attach(&data, "d")?;
        leave_old_root()?;
        Ok(Self { attached: HashMap::new(), next: 0, new_api: true })
    }

    fn overlay(&mut self, overlay: &Overlay) -> Result<OwnedFd> {
        let mut lowers = Vec::with_capacity(overlay.lowers.len());
        for lower in &overlay.lowers {
            lowers.push(self.attach_layer(lower)?);
        }
        let upper = overlay.upper.as_ref();
        let failed = |errno: Errno| Error::Mount {
            what: match upper {
                Some(upper) => format!("overlay of {} layers with {}", lowers.len(), upper.folder.display()),
                None => format!("overlay of {} layers", lowers.len()),
            },
            source: errno.into(),
        };
        if self.new_api {
            match detached_overlay(&lowers, upper) {
                // `lowerdir+` is unknown before Linux 6.7, and an unknown option is EINVAL, as is much else.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    let mount = attached_overlay(&lowers, upper).map_err(failed)?;
                    self.new_api = false;
                    return Ok(mount);
                }
                result => return result.map_err(failed),
            }
        }
        attached_overlay(&lowers, upper).map_err(failed)
    }

    /// The name below `/l` of a layer, attached if it is not yet.
    fn attach_layer(&mut self, lower: &Lower) -> Result<String> {
        let key = (lower.id, lower.mapped.as_ref().map(|mapped| Arc::clone(&mapped.maps)));
        if let Some(attachment) = self.attached.get(&key) {
            return Ok(attachment.name.clone());
        }
        let mounted = lower.mapped.is_some() || lower.kind == LowerKind::Image;
        let name = match &lower.mapped {
            None => self.attach_plain(lower)?,
            Some(mapped) => self.attach_mapped(lower, mapped)?,
        };
        self.attached.insert(key, Attachment { name: name.clone(), mounted });
        Ok(name)
    }

    fn attach_plain(&mut self, lower: &Lower) -> Result<String> {
        let source = Path::new("/d").join(&lower.path);
        let (name, target) = self.place();
        let result = match lower.kind {
            LowerKind::Directory => rustix::fs::symlink(&source, &target),
            LowerKind::Image => attach_image(&source, &target),
        };
        result.map(|()| name).map_err(|errno| {
            // EROFS tries the file as a block device first, and stays with that answer if it cannot map the file.
            let hint =
                if errno == Errno::NOTBLK { " from this file system (tmpfs and overlayfs cannot hold it)" } else { "" };
            Error::Mount { what: format!("layer {}{hint}", lower.id), source: errno.into() }
        })
    }

    /// A mount of the same files beside the plain one, with other owners.
    fn attach_mapped(&mut self, lower: &Lower, mapped: &Mapped) -> Result<String> {
        let plain = self.attach_layer(&Lower { mapped: None, ..lower.clone() })?;
        let (name, target) = self.place();
        attach_mapped(&Path::new("/l").join(plain), &target, mapped).map(|()| name).map_err(|errno| {
            let hint = if errno == Errno::INVAL { " (its file system or this kernel cannot do so)" } else { "" };
            Error::Mount { what: format!("layer {} with mapped ids{hint}", lower.id), source: errno.into() }
        })
    }

    /// The next name below `/l`, and its path.
    fn place(&mut self) -> (String, PathBuf) {
        let name = base36(self.next);
        self.next += 1;
        let target = Path::new("/l").join(&name);
        (name, target)
    }

    fn detach(&mut self, id: &Digest) {
        for (_, attachment) in self.attached.extract_if(|(layer, _), _| layer == id) {
            let target = Path::new("/l").join(&attachment.name);
            // Nothing else is in this namespace: neither can fail but for a bug, and a name is never used twice.
            let _ = match attachment.mounted {
                true => rustix::mount::unmount(&target, UnmountFlags::DETACH).and_then(|()| rustix::fs::rmdir(&target)),
                false => rustix::fs::unlink(&target),
            };
        }
    }
}

fn attach_mapped(source: &Path, target: &Path, mapped: &Mapped) -> Result<(), Errno> {
    let mount =
        rustix::mount::open_tree(CWD, source, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    teu_sys::mount::set_id_mapping(mount.as_fd(), mapped.namespace.as_fd(), false)?;
    rustix::fs::mkdir(target, Mode::RWXU)?;
    attach(&mount, target)
}

/// Makes the current folder the root and lets the old one go.
fn leave_old_root() -> Result<(), Errno> {
    match rustix::process::pivot_root(".", "old") {
        Ok(()) => {
            rustix::process::chdir("/")?;
            rustix::mount::unmount("/old", UnmountFlags::DETACH)?;
            rustix::fs::rmdir("/old")
        }
        // The root of an initramfs cannot be pivoted away from: cover it.
        Err(Errno::INVAL) => {
            rustix::mount::mount_move(".", "/")?;
            rustix::process::chroot(".")?;
            rustix::process::chdir("/")
        }
        Err(errno) => Err(errno),
    }
}

fn attach_image(source: &Path, target: &Path) -> Result<(), Errno> {
    let mount = image_mount(source)?;
    rustix::fs::mkdir(target, Mode::RWXU)?;
    attach(&mount, target)
}

/// A detached mount of an EROFS image in a file.
fn image_mount(source: &Path) -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen("erofs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&context, "source", source)?;
    rustix::mount::fsconfig_set_flag(&context, "ro")?;
    rustix::mount::fsconfig_create(&context)?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY)
}

fn detached_overlay(lowers: &[String], upper: Option<&Upper>) -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&context, "source", "overlay")?;
    for lower in lowers {
        rustix::mount::fsconfig_set_string(&context, "lowerdir+", Path::new("/l").join(lower))?;
    }
    for (key, path) in upper.iter().flat_map(|upper| upper.options()) {
        rustix::mount::fsconfig_set_string(&context, key, path)?;
    }
    for (key, value) in OVERLAY_OPTIONS {
        rustix::mount::fsconfig_set_string(&context, key, value)?;
    }
    rustix::mount::fsconfig_create(&context)?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

/// The same with `mount(2)`, whose options are one page at most: hence the short names, relative to `/l`.
fn attached_overlay(lowers: &[String], upper: Option<&Upper>) -> Result<OwnedFd, Errno> {
    let mut options = format!("lowerdir={}", lowers.join(":"));
    for (key, path) in upper.iter().flat_map(|upper| upper.options()) {
        options.extend([",", key, "=", &path.to_string_lossy()]);
    }
    for (key, value) in OVERLAY_OPTIONS {
        options.extend([",", key, "=", value]);
    }
    let options = std::ffi::CString::new(options).map_err(|_| Errno::INVAL)?;
    rustix::process::chdir("/l")?;
    let mounted = rustix::mount::mount("overlay", "/m", "overlay", MountFlags::empty(), Some(options.as_c_str()));
    rustix::process::chdir("/")?;
    mounted?;
    let clone = rustix::mount::open_tree(CWD, "/m", OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC);
    rustix::mount::unmount("/m", UnmountFlags::DETACH)?;
    clone
}

fn new_mount(kind: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        rustix::mount::fsconfig_set_string(&context, *key, *value)?;
    }
    rustix::mount::fsconfig_create(&context)?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

fn attach(mount: &OwnedFd, target: impl AsRef<Path>) -> Result<(), Errno> {
    rustix::mount::move_mount(mount, "", CWD, target.as_ref(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// A number in few characters.
fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).unwrap_or(0);
        digits.extend(char::from_digit(digit, 36));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
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
        let overlay = Overlay { lowers, upper: Some(Upper { folder: "fs".into(), work: "work".into() }) };
        let mount = mounter
            .run(move |namespace| {
                namespace.new_api = false;
                namespace.overlay(&overlay)
            })
            .unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        let root = rustix::fs::openat(&mount, ".", flags, Mode::empty()).unwrap();
        assert_eq!(rustix::fs::Dir::read_from(&root).unwrap().count(), 200 + 2);
    }

    #[test]
    fn short_names() {
        assert_eq!(base36(0), "0");
        assert_eq!(base36(35), "z");
        assert_eq!(base36(36), "10");
        let page: usize = (0..500).map(|n| base36(n).len() + 1).sum();
        assert!(page < 2000, "500 layers, the most overlayfs takes, leave half of the page of options: {page}");
    }
}
