//! The mount system calls that rustix does not wrap, and helpers around those it does.
//!
//! Mounts are made detached, given their attributes, and attached. Where the calls for that are missing or refused
//! ([`api()`]), [`change`], [`bind`] and [`mount`] do by `mount(2)` what can be done with mounts that are attached.

mod api;
mod info;
mod old;
mod peers;

pub use api::{Api, api};
pub use peers::{Peers, peers};

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::AtFlags;
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags};

use crate::process::check;

bitflags::bitflags! {
    /// Attributes of a mount (`MOUNT_ATTR_*` of `linux/mount.h`), for `mount_setattr(2)`.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub struct Attributes: u64 {
        /// Read-only.
        const RDONLY = 0x0000_0001;
        /// Set-user-id bits have no effect.
        const NOSUID = 0x0000_0002;
        /// Device nodes cannot be opened.
        const NODEV = 0x0000_0004;
        /// Programs cannot be executed.
        const NOEXEC = 0x0000_0008;
        /// The field of access time policies.
        const ATIME = 0x0000_0070;
        /// Access times are never written.
        const NOATIME = 0x0000_0010;
        /// Access times are always written.
        const STRICTATIME = 0x0000_0020;
        /// Access times of directories are never written.
        const NODIRATIME = 0x0000_0080;
        /// Ids are mapped through a user namespace.
        const IDMAP = 0x0010_0000;
        /// Symbolic links are not followed.
        const NOSYMFOLLOW = 0x0020_0000;
    }
}

/// How mounts and unmounts spread between mounts that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// Not at all.
    Private,
    /// From the master here.
    Slave,
    /// Both ways.
    Shared,
    /// Not at all, and the mount cannot be bound elsewhere.
    Unbindable,
}

impl Propagation {
    /// The flag of `mount(2)` and `mount_setattr(2)`.
    fn flag(self) -> u64 {
        match self {
            Propagation::Private => libc::MS_PRIVATE,
            Propagation::Slave => libc::MS_SLAVE,
            Propagation::Shared => libc::MS_SHARED,
            Propagation::Unbindable => libc::MS_UNBINDABLE,
        }
    }
}

/// A change of a mount's properties.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change {
    /// Attributes to set.
    pub set: Attributes,
    /// Attributes to clear, before those to set.
    pub clear: Attributes,
    /// New propagation.
    pub propagation: Option<Propagation>,
    /// Whether all mounts beneath change too.
    pub recursive: bool,
}

impl Change {
    /// Sets attributes of one mount.
    #[must_use]
    pub fn set(attributes: Attributes) -> Self {
        Change { set: attributes, ..Change::default() }
    }

    /// Sets the propagation of a mount and all beneath.
    #[must_use]
    pub fn propagate(propagation: Propagation) -> Self {
        Change { propagation: Some(propagation), recursive: true, ..Change::default() }
    }

    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.clear.is_empty() && self.propagation.is_none()
    }
}

/// `struct mount_attr` of `linux/mount.h`.
#[repr(C)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Changes the properties of the mount that `mount` is the root of (`mount_setattr(2)`, Linux 5.12). Allocates nothing.
///
/// # Errors
/// The kernel's: `EINVAL` if the descriptor is no mount's root, `ENOSYS` on old kernels.
pub fn set_attributes(mount: BorrowedFd<'_>, change: &Change) -> Result<(), Errno> {
    let attr = MountAttr {
        attr_set: change.set.bits(),
        // The access time policy is a field: setting one needs the whole field cleared.
        attr_clr: if change.set.intersects(Attributes::ATIME) {
            (change.clear | Attributes::ATIME).bits()
        } else {
            change.clear.bits()
        },
        propagation: change.propagation.map_or(0, Propagation::flag),
        userns_fd: 0,
    };
    mount_setattr(mount, &attr, change.recursive)
}

/// Maps the ids of a detached mount through a user namespace.
///
/// # Errors
/// The kernel's: `EINVAL` if the file system cannot do so or the mount is mapped already.
pub fn set_id_mapping(mount: BorrowedFd<'_>, userns: BorrowedFd<'_>, recursive: bool) -> Result<(), Errno> {
    let attr = MountAttr {
        attr_set: Attributes::IDMAP.bits(),
        attr_clr: 0,
        propagation: 0,
        userns_fd: u64::from(userns.as_raw_fd().unsigned_abs()),
    };
    mount_setattr(mount, &attr, recursive)
}

fn mount_setattr(mount: BorrowedFd<'_>, attr: &MountAttr, recursive: bool) -> Result<(), Errno> {
    let mut flags = AtFlags::EMPTY_PATH.bits();
    if recursive {
        flags |= libc::AT_RECURSIVE.cast_unsigned();
    }
    // SAFETY: the path is empty and terminated, `attr` has the size that is passed and outlives the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(attr),
            size_of::<MountAttr>(),
        )
    })
}

/// Clones a mount (with `recursive`, the whole tree) as a detached one.
///
/// # Errors
/// The kernel's.
pub fn clone_tree(dir: BorrowedFd<'_>, path: &CStr, recursive: bool) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    flags.set(OpenTreeFlags::AT_EMPTY_PATH, path.is_empty());
    rustix::mount::open_tree(dir, path, flags)
}

/// Clones the mount at `path` (relative to the root) that a process sees, as a detached one. Links on the way are not
/// followed: they belong to whoever is in there.
///
/// # Errors
/// The process is gone; nothing is mounted there.
pub fn clone_from_process(pid: i32, path: &CStr) -> io::Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags, ResolveFlags};
    let path_only = OFlags::PATH | OFlags::CLOEXEC;
    let namespace = rustix::fs::open(format!("/proc/{pid}/ns/mnt"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let root = rustix::fs::open(format!("/proc/{pid}/root"), path_only | OFlags::DIRECTORY, Mode::empty())?;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let target = rustix::fs::openat2(&root, path, path_only, Mode::empty(), resolve)?;
    crate::netns::on_thread(move || {
        // SAFETY: only this thread's root and working directory part from the others'; it ends here.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FS) }?;
        rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(rustix::thread::LinkNameSpaceType::Mount))?;
        // Mounts can be cloned from inside of their namespace only.
        Ok(clone_tree(target.as_fd(), c"", false)?)
    })
}

/// Attaches a detached mount on the file or directory that `target` refers to.
///
/// # Errors
/// The kernel's: `ENOTDIR` if one is a directory and the other is not.
pub fn attach(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(mount, c"", target, c"", flags)
}

/// One parameter of a new file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// A switch.
    Flag(std::ffi::CString),
    /// A name with a value.
    Value(std::ffi::CString, std::ffi::CString),
}

/// Makes a file system and a detached mount of it. On failure, `log` gets the file system's own explanation, if it gives
/// one, and its length. Allocates nothing.
///
/// # Errors
/// The kernel's: `ENODEV` for an unknown type, `ENOSYS` before Linux 5.2.
pub fn new_filesystem(
    kind: &CStr,
    source: Option<&CStr>,
    parameters: &[Parameter],
    attributes: Attributes,
    log: &mut Log,
) -> Result<OwnedFd, Errno> {
    let context = new_context(kind, source, parameters, log)?;
    mount_context(context.as_fd(), attributes).inspect_err(|_| log.read(&context))
}

/// Makes a file system that is not mounted yet: the context that `fsmount` takes, once. So that can be done elsewhere and later:
/// the kernel lists mounts in the order in which they were made (since Linux 6.8). Allocates nothing.
///
/// # Errors
/// As [`new_filesystem`].
pub fn new_context(
    kind: &CStr,
    source: Option<&CStr>,
    parameters: &[Parameter],
    log: &mut Log,
) -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    configure(&context, source, parameters).inspect_err(|_| log.read(&context))?;
    Ok(context)
}

/// Makes a detached mount of what [`new_context`] made.
///
/// # Errors
/// The kernel's: `EBUSY` if it was mounted before, `EINVAL` if it is no context.
pub fn mount_context(context: BorrowedFd<'_>, attributes: Attributes) -> Result<OwnedFd, Errno> {
    let attributes = MountAttrFlags::from_bits_retain(u32::try_from(attributes.bits()).unwrap_or(0));
    rustix::mount::fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// Whether a descriptor is a context of [`new_context`] rather than a mount: it is no file of any kind.
///
/// # Errors
/// The kernel's.
pub fn is_context(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    let mode = rustix::fs::fstat(fd)?.st_mode;
    Ok(rustix::fs::FileType::from_raw_mode(mode) == rustix::fs::FileType::Unknown)
}

fn configure(context: &OwnedFd, source: Option<&CStr>, parameters: &[Parameter]) -> Result<(), Errno> {
    if let Some(source) = source {
        rustix::mount::fsconfig_set_string(context, c"source", source)?;
    }
    for parameter in parameters {
        match parameter {
            Parameter::Flag(name) => rustix::mount::fsconfig_set_flag(context, name.as_c_str())?,
            Parameter::Value(name, value) => {
                rustix::mount::fsconfig_set_string(context, name.as_c_str(), value.as_c_str())?;
            }
        }
    }
    rustix::mount::fsconfig_create(context)
}

/// What a file system said about a refused mount: one line of its context's log.
#[derive(Debug)]
pub struct Log {
    buffer: [u8; 192],
    length: usize,
}

impl Default for Log {
    fn default() -> Self {
        Log { buffer: [0; 192], length: 0 }
    }
}

impl Log {
    fn read(&mut self, context: &OwnedFd) {
        self.length = rustix::io::read(context, &mut self.buffer).unwrap_or(0);
    }

    /// The line, without the level in front (`e `).
    #[must_use]
    pub fn message(&self) -> &[u8] {
        let line = &self.buffer[..self.length];
        line.strip_prefix(b"e ").unwrap_or(line).trim_ascii_end()
    }
}

/// Changes propagation through a path, for the root of the mount namespace.
///
/// # Errors
/// The kernel's.
pub fn set_propagation(path: &CStr, propagation: Propagation, recursive: bool) -> Result<(), Errno> {
    use rustix::mount::{MountPropagationFlags, mount_change};
    let mut flags = match propagation {
        Propagation::Private => MountPropagationFlags::PRIVATE,
        Propagation::Slave => MountPropagationFlags::DOWNSTREAM,
        Propagation::Shared => MountPropagationFlags::SHARED,
        Propagation::Unbindable => MountPropagationFlags::UNBINDABLE,
    };
    flags.set(MountPropagationFlags::REC, recursive);
    mount_change(path, flags)
}

/// Changes the properties of an attached mount: as [`set_attributes`], also where there is no `mount_setattr`. Allocates
/// nothing.
///
/// # Errors
/// The kernel's; `ENOSYS` for an id mapping by old calls.
pub fn change(mount: BorrowedFd<'_>, change: &Change) -> Result<(), Errno> {
    if api().attributes { set_attributes(mount, change) } else { old::change(mount, change) }
}

/// Mounts what `source` refers to (with `recursive`, the whole tree) on what `target` refers to. The mount, if it was made
/// detached; else `target`'s path leads to it now. Allocates nothing.
///
/// # Errors
/// The kernel's: `ENOTDIR` if one is a directory and the other is not.
pub fn bind(source: BorrowedFd<'_>, recursive: bool, target: BorrowedFd<'_>) -> Result<Option<OwnedFd>, Errno> {
    if !api().detached {
        return old::bind(source, recursive, target).map(|()| None);
    }
    let tree = clone_tree(source, c"", recursive)?;
    attach(tree.as_fd(), target)?;
    Ok(Some(tree))
}

/// Makes a file system and mounts it by `mount(2)`, with options as one text and switches of the superblock (`MS_*` of
/// `linux/mount.h`). `RDONLY` among the attributes has no effect here. Allocates nothing.
///
/// # Errors
/// The kernel's.
pub fn mount(
    kind: &CStr,
    source: &CStr,
    data: &CStr,
    superblock: u32,
    attributes: Attributes,
    target: BorrowedFd<'_>,
) -> Result<(), Errno> {
    old::mount((kind, source), (data, superblock), attributes, target)
}
