//! File systems that are made before a container asks for them.
//!
//! Most containers have the same two: a `devpts`, and a tmpfs for shared memory. To make one takes several system calls, and what a
//! process in a memory group makes, the kernel counts for that group, with lists for each of its file systems: 4 KiB
//! for each on Linux 6.12. Made by the caller, they cost a container neither.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use teu_oci::runtime::{Mount, NamespaceKind, Spec};
use teu_sys::mount::{Attributes, Log, api, new_context};

use crate::plan::options::Options;
use crate::plan::text::c_string;

/// File systems in stock are as many as the last container had of them, but no more than this.
const MOST: usize = 4;

/// File systems that are not mounted yet, like those of the last container.
#[derive(Debug, Default)]
pub struct Stock {
    ready: Vec<(Mount, OwnedFd)>,
    wanted: Vec<Mount>,
}

impl Stock {
    /// Adds what a container is going to have and what is in stock to its [`mount_sources`](crate::Launch::mount_sources).
    /// That container must not get a user namespace that is not in its configuration: file systems belong to one.
    pub fn take(&mut self, spec: &Spec, sources: &mut BTreeMap<PathBuf, OwnedFd>) {
        if !may_be_given(spec) {
            return;
        }
        let wanted: Vec<&Mount> = spec
            .mounts
            .iter()
            .filter(|m| can_be_ahead(m) && !sources.contains_key(&m.destination))
            .take(MOST)
            .collect();
        for mount in &wanted {
            if let Some(index) = self.ready.iter().position(|(ready, _)| ready == *mount) {
                sources.insert(mount.destination.clone(), self.ready.swap_remove(index).1);
            }
        }
        if !wanted.iter().copied().eq(&self.wanted) {
            self.wanted = wanted.into_iter().cloned().collect();
        }
    }

    /// Makes what the last container had. What cannot be made, the next container makes, and says why it cannot.
    pub fn fill(&mut self) {
        self.ready.retain(|(mount, _)| self.wanted.contains(mount));
        for mount in &self.wanted {
            if !self.ready.iter().any(|(ready, _)| ready == mount)
                && let Some(context) = make(mount)
            {
                self.ready.push((mount.clone(), context));
            }
        }
    }
}

/// Whether a container's file systems belong to the caller's user namespace, and have no label of their own.
fn may_be_given(spec: &Spec) -> bool {
    let Some(linux) = &spec.linux else { return api().detached };
    api().detached && linux.mount_label.is_empty() && linux.namespace(NamespaceKind::User).is_none()
}

/// Whether it matters where a file system is made: not where the caller or the new process has something to do with it.
fn can_be_ahead(mount: &Mount) -> bool {
    let plain = matches!(mount.kind.as_str(), "devpts" | "tmpfs")
        && mount.uid_mappings.is_empty()
        && mount.gid_mappings.is_empty()
        // Most of that are the devices, which the container's own process makes.
        && mount.destination != Path::new("/dev");
    plain
        && Options::parse(&mount.options).is_ok_and(|options| {
            !options.copy_up
                && options.bind.is_none()
                && options.idmap.is_none()
                && !options.set.contains(Attributes::RDONLY)
        })
}

fn make(mount: &Mount) -> Option<OwnedFd> {
    let options = Options::parse(&mount.options).ok()?;
    let kind = c_string(&mount.kind, "a mount type").ok()?;
    let source = if mount.source.is_empty() { kind.clone() } else { c_string(&mount.source, "a mount source").ok()? };
    let list = options.parameters().ok()?.list?;
    new_context(&kind, Some(&source), &list, &mut Log::default()).ok()
}

#[cfg(test)]
mod tests {
    use teu_oci::runtime::{Linux, Namespace};

    use super::*;

    fn mount(destination: &str, kind: &str, options: &[&str]) -> Mount {
        Mount {
            destination: destination.into(),
            kind: kind.into(),
            source: kind.into(),
            options: options.iter().map(ToString::to_string).collect(),
            ..Mount::default()
        }
    }

    fn spec(mounts: Vec<Mount>) -> Spec {
        Spec { mounts, ..Spec::default() }
    }

    fn taken(stock: &mut Stock, spec: &Spec) -> Vec<String> {
        let mut sources = BTreeMap::new();
        stock.take(spec, &mut sources);
        assert!(sources.values().all(|fd| teu_sys::mount::is_context(std::os::fd::AsFd::as_fd(fd)).unwrap()));
        sources.into_keys().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn a_container_gets_what_the_one_before_had() {
        if !rustix::process::geteuid().is_root() || !api().detached {
            return;
        }
        let mut stock = Stock::default();
        let usual = spec(vec![
            mount("/proc", "proc", &[]),
            mount("/dev", "tmpfs", &["mode=755"]),
            mount("/dev/pts", "devpts", &["newinstance", "mode=0620"]),
            mount("/dev/shm", "tmpfs", &["nosuid", "size=1m"]),
        ]);
        assert_eq!(taken(&mut stock, &usual), Vec::<String>::new());
        stock.fill();
        assert_eq!(taken(&mut stock, &usual), ["/dev/pts", "/dev/shm"]);
        assert_eq!(taken(&mut stock, &usual), Vec::<String>::new(), "each is there once");
        stock.fill();
        let larger = spec(vec![mount("/dev/shm", "tmpfs", &["nosuid", "size=2m"])]);
        assert_eq!(taken(&mut stock, &larger), Vec::<String>::new());
        stock.fill();
        assert_eq!((taken(&mut stock, &larger), stock.ready.len()), (vec!["/dev/shm".to_owned()], 0));
    }

    #[test]
    fn what_somebody_has_to_do_with_is_not_made_ahead() {
        for options in [&["ro"][..], &["tmpcopyup"], &["bind"]] {
            assert!(!can_be_ahead(&mount("/x", "tmpfs", options)), "{options:?}");
        }
        assert!(!can_be_ahead(&mount("/dev", "tmpfs", &[])) && !can_be_ahead(&mount("/x", "ext4", &[])));
        let user = Namespace { kind: NamespaceKind::User, path: None };
        let own = Spec { linux: Some(Linux { namespaces: vec![user], ..Linux::default() }), ..Spec::default() };
        let labelled = Linux { mount_label: "system_u:x".into(), ..Linux::default() };
        assert!(!may_be_given(&own) && !may_be_given(&Spec { linux: Some(labelled), ..Spec::default() }));
    }
}
