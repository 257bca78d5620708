//! What a container is to see, at paths that a runtime can be told.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{UnmountFlags, unmount};
use teu_oci::runtime::{Linux, Namespace, NamespaceKind, Root, Spec};
use teu_sys::mount;

use super::super::Server;
use super::console::in_proc;
use crate::launch::Passed;
use crate::protocol::StartRequest;

impl Server {
    /// Gives the runtime paths for what came as descriptors.
    pub(super) fn prepare_external(&self, request: &mut StartRequest, passed: Passed) -> io::Result<Vec<OwnedFd>> {
        let place = self.external_mounts(&request.id);
        let spec: &mut Spec = &mut request.spec;
        if let Some(rootfs) = passed.rootfs {
            let at = place.join("rootfs");
            fs::create_dir_all(&at)?;
            attach(&rootfs, &at)?;
            let readonly = spec.root.as_ref().is_some_and(|r| r.readonly);
            spec.root = Some(Root { path: at, readonly });
        }
        for (n, (destination, source)) in passed.mounts.into_iter().enumerate() {
            let at = place.join(n.to_string());
            fs::create_dir_all(&place)?;
            if rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&source)?.st_mode).is_dir() {
                fs::create_dir_all(&at)?;
            } else {
                fs::write(&at, "")?;
            }
            attach(&source, &at)?;
            if let Some(mount) = spec.mounts.iter_mut().find(|m| m.destination == destination) {
                mount.source = at.to_string_lossy().into_owned();
            }
        }
        let linux = spec.linux.get_or_insert_with(Linux::default);
        linux.cgroups_path.clone_from(&request.cgroup_path);
        let mut kept = Vec::new();
        if let Some(network) = passed.network {
            let path = in_proc(&network);
            linux.namespaces.retain(|n| n.kind != NamespaceKind::Network);
            linux.namespaces.push(Namespace { kind: NamespaceKind::Network, path: Some(path) });
            kept.push(network);
        }
        Ok(kept)
    }

    fn external_mounts(&self, container: &str) -> PathBuf {
        self.root.join("mounts").join(container)
    }

    /// Never recursive: what is mounted there is the container's data.
    pub(super) fn unmount_external(&self, container: &str) {
        let place = self.external_mounts(container);
        for entry in fs::read_dir(&place).into_iter().flatten().flatten() {
            let path = entry.path();
            while unmount(&path, UnmountFlags::DETACH).is_ok() {}
            let _ = fs::remove_dir(&path).or_else(|_| fs::remove_file(&path));
        }
        let _ = fs::remove_dir(&place);
    }
}

fn attach(mount: &OwnedFd, at: &Path) -> io::Result<()> {
    let target = openat(CWD, at, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    Ok(mount::attach(mount.as_fd(), target.as_fd())?)
}
