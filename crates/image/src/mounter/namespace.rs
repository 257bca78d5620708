//! The mounter thread's view of the file systems.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MountPropagationFlags, OpenTreeFlags, UnmountFlags};
use teu_oci::digest::Digest;
use teu_oci::runtime::IdMaps;

use super::calls::{
    attach, attach_image, attach_mapped, attached_overlay, detached_overlay, leave_old_root, new_mount,
};
use super::{Lower, LowerKind, Mapped, Overlay};
use crate::error::{Error, Result};

/// The thread's view: its current folder is the private root.
pub(super) struct Namespace {
    attached: HashMap<(Digest, Option<Arc<IdMaps>>), Attachment>,
    next: u64,
    /// Whether the kernel takes the lower folders one by one (Linux 6.7).
    pub(super) new_api: bool,
}

struct Attachment {
    name: String,
    /// Whether it is a mount; otherwise it is a link.
    mounted: bool,
}

impl Namespace {
    pub(super) fn enter(folder: &Path) -> Result<Self, Errno> {
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

    pub(super) fn overlay(&mut self, overlay: &Overlay) -> Result<OwnedFd> {
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

    pub(super) fn detach(&mut self, id: &Digest) {
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
    use super::base36;

    #[test]
    fn short_names() {
        assert_eq!(base36(0), "0");
        assert_eq!(base36(35), "z");
        assert_eq!(base36(36), "10");
        let page: usize = (0..500).map(|n| base36(n).len() + 1).sum();
        assert!(page < 2000, "500 layers, the most overlayfs takes, leave half of the page of options: {page}");
    }
}
