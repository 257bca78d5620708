//! What the mounter asks of the kernel.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};

use super::{Mapped, Upper};

/// Options of every overlay.
///
/// - `index=off`: no lock on the upper folder that a crashed engine would leave.
/// - `metacopy=off`: the upper folder holds whole files, so that it can be read as a layer's diff.
/// - `redirect_dir=nofollow`: the same for renamed folders; and links that a forged layer smuggles in lead nowhere.
///
/// `volatile` (no fsync) is not used for containers: after a crash of the machine such an overlay refuses to mount, and with it
/// everything a container wrote would be lost.
const OVERLAY_OPTIONS: [(&str, &str); 3] = [("index", "off"), ("metacopy", "off"), ("redirect_dir", "nofollow")];

/// The option of overlays that nobody needs after a crash (Linux 5.10).
const VOLATILE: &str = "volatile";

pub(super) fn attach_mapped(source: &Path, target: &Path, mapped: &Mapped) -> Result<(), Errno> {
    let mount =
        rustix::mount::open_tree(CWD, source, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    teu_sys::mount::set_id_mapping(mount.as_fd(), mapped.namespace.as_fd(), false)?;
    rustix::fs::mkdir(target, Mode::RWXU)?;
    attach(&mount, target)
}

/// Makes the current folder the root and lets the old one go.
pub(super) fn leave_old_root() -> Result<(), Errno> {
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

pub(super) fn attach_image(source: &Path, target: &Path) -> Result<(), Errno> {
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

pub(super) fn detached_overlay(lowers: &[String], upper: Option<&Upper>) -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&context, "source", "overlay")?;
    for lower in lowers {
        rustix::mount::fsconfig_set_string(&context, "lowerdir+", Path::new("/l").join(lower))?;
    }
    for (key, path) in upper.iter().flat_map(|upper| upper.options()) {
        rustix::mount::fsconfig_set_string(&context, key, path)?;
    }
    if upper.is_some_and(|upper| upper.volatile) {
        rustix::mount::fsconfig_set_flag(&context, VOLATILE)?;
    }
    for (key, value) in OVERLAY_OPTIONS {
        rustix::mount::fsconfig_set_string(&context, key, value)?;
    }
    rustix::mount::fsconfig_create(&context)?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

/// The same with `mount(2)`, whose options are one page at most: hence the short names, relative to `/l`.
pub(super) fn attached_overlay(lowers: &[String], upper: Option<&Upper>) -> Result<OwnedFd, Errno> {
    let mut options = format!("lowerdir={}", lowers.join(":"));
    for (key, path) in upper.iter().flat_map(|upper| upper.options()) {
        options.extend([",", key, "=", &path.to_string_lossy()]);
    }
    if upper.is_some_and(|upper| upper.volatile) {
        options.extend([",", VOLATILE]);
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

pub(super) fn new_mount(kind: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        rustix::mount::fsconfig_set_string(&context, *key, *value)?;
    }
    rustix::mount::fsconfig_create(&context)?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

pub(super) fn attach(mount: &OwnedFd, target: impl AsRef<Path>) -> Result<(), Errno> {
    rustix::mount::move_mount(mount, "", CWD, target.as_ref(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}
