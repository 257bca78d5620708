//! Mounts beyond the root.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::io::Errno;
use teu_oci::runtime::{self as oci, IdMapping, Linux};
use teu_sys::cgroup::Cgroup;
use teu_sys::mount::{self as sys, Attributes, Change, Parameter, Propagation};

use super::options::Options;
use super::text::{c_path, c_string, in_root};
use super::{Mount, Source, Step, cgroup_mount};
use crate::{CommonDirectories, Error, copy_up, idmap};

/// What mounts are compiled with.
pub(crate) struct Mounts<'a> {
    pub(crate) bundle: &'a Path,
    pub(crate) linux: &'a Linux,
    /// Detached mounts opened by the caller, by destination.
    pub(crate) sources: BTreeMap<PathBuf, OwnedFd>,
    /// The root file system.
    pub(crate) root: BorrowedFd<'a>,
    pub(crate) cgroup: Option<&'a Cgroup>,
    /// What may be shared with other containers.
    pub(crate) common: Option<&'a CommonDirectories>,
    /// Whether the new process finds at the caller's paths what the caller does: in another mount namespace than the one
    /// cloned from the caller's, or in a user namespace, it may not.
    pub(crate) same_view: bool,
    /// What mounts get that ask for no propagation.
    pub(crate) propagation: Option<Change>,
    /// Destinations that become read-only once everything in them is in place.
    pub(crate) readonly_later: Vec<CString>,
}

impl Mounts<'_> {
    /// The steps of one mount.
    pub(crate) fn compile(&mut self, mount: &oci::Mount) -> Result<Vec<Step>, Error> {
        check_destination(mount)?;
        let options = Options::parse(&mount.options)?;
        if let Some(source) = self.sources.remove(&mount.destination) {
            return Ok(vec![self.given(mount, &options, source)?]);
        }
        if options.bind.is_some() || mount.kind == "bind" {
            let path = self.bundle.join(&mount.source);
            return Ok(vec![self.bind(mount, &options, &path)?]);
        }
        match mount.kind.as_str() {
            "cgroup" | "cgroup2" => cgroup_mount::compile(mount, &options, self),
            "tmpfs" if options.copy_up => Ok(vec![self.copied_up(mount, options)?]),
            _ => Ok(vec![Step::Mount(Box::new(self.filesystem(mount, options)?))]),
        }
    }

    /// A step that mounts what a path of the caller's leads to.
    pub(crate) fn bind(&self, mount: &oci::Mount, options: &Options, path: &Path) -> Result<Step, Error> {
        let recursive = options.bind == Some(true);
        let failed = |e: Errno| Error::step(format!("open bind mount source {}", path.display()))(e.into());
        let c_path = c_path(path)?;
        let mapped = self.id_mapping(mount, options).is_some();
        if mapped && !(sys::api().detached && sys::api().attributes) {
            return Err(Error::InvalidSpec(format!(
                "mount {} has an id mapping, which needs mount calls of Linux 5.12 that the kernel lacks or a filter refuses",
                mount.destination.display()
            )));
        }
        // What procfs leads to may be of another process, or a descriptor of the caller's mount namespace.
        let found_by_child = self.same_view && !path.starts_with("/proc");
        if mapped || !found_by_child && sys::api().detached {
            let source = sys::clone_tree(CWD, &c_path, recursive).map_err(failed)?;
            return self.tree(mount, options, source);
        }
        let directory = is_directory(rustix::fs::stat(&c_path).map_err(failed)?);
        let propagation = self.propagation.into_iter().chain(propagation_changes(options));
        Ok(Step::Mount(Box::new(Mount {
            changes: options.changes().into_iter().chain(propagation).collect(),
            ..Mount::new(in_root(&mount.destination)?, Source::Bind { path: c_path, directory, recursive })
        })))
    }

    /// A step that attaches a detached tree, after giving it the options.
    fn tree(&self, mount: &oci::Mount, options: &Options, source: OwnedFd) -> Result<Step, Error> {
        let what = || format!("set options of the mount for {}", mount.destination.display());
        if let Some(recursive) = self.id_mapping(mount, options) {
            self.map_ids(mount, source.as_fd(), recursive)?;
        }
        let propagation = self.propagation.into_iter().chain(propagation_changes(options));
        let mut changes: Vec<Change> = options.changes().into_iter().chain(propagation).collect();
        // Only mounts that are attached can be changed by old calls.
        for change in changes.drain(..if sys::api().attributes { changes.len() } else { 0 }) {
            sys::set_attributes(source.as_fd(), &change).map_err(|e| Error::step(what())(e.into()))?;
        }
        let directory = is_directory(rustix::fs::fstat(&source).map_err(|e| Error::step(what())(e.into()))?);
        Ok(Step::Mount(Box::new(Mount {
            changes,
            no_follow: is_unfollowed(mount),
            ..Mount::new(in_root(&mount.destination)?, Source::Tree { mount: source, directory })
        })))
    }

    /// Whether the mount's ids are mapped, and if so, recursively.
    fn id_mapping(&self, mount: &oci::Mount, options: &Options) -> Option<bool> {
        if mount.uid_mappings.is_empty() && mount.gid_mappings.is_empty() && options.idmap.is_none() {
            return None;
        }
        Some(options.idmap.unwrap_or(false))
    }

    fn map_ids(&self, mount: &oci::Mount, source: BorrowedFd<'_>, recursive: bool) -> Result<(), Error> {
        let (uids, gids): (&[IdMapping], &[IdMapping]) = if mount.uid_mappings.is_empty() {
            (&self.linux.uid_mappings, &self.linux.gid_mappings)
        } else {
            (&mount.uid_mappings, &mount.gid_mappings)
        };
        let destination = mount.destination.display();
        if uids.is_empty() || gids.is_empty() {
            return Err(Error::InvalidSpec(format!("mount {destination} is id-mapped but has no mappings")));
        }
        let userns = idmap::user_namespace(uids, gids)?;
        sys::set_id_mapping(source, userns.as_fd(), recursive)
            .map_err(|e| Error::step(format!("map the ids of the mount for {destination}"))(e.into()))
    }

    fn copied_up(&mut self, mount: &oci::Mount, options: Options) -> Result<Step, Error> {
        let what = format!("fill the tmpfs for {}", mount.destination.display());
        if !sys::api().detached {
            let fill = copy_up::open(self.root, &mount.destination).map_err(Error::step(what))?;
            let made = self.filesystem(mount, options)?;
            return Ok(Step::Mount(Box::new(Mount { fill, ..made })));
        }
        let mut log = sys::Log::default();
        let tmpfs = sys::new_filesystem(c"tmpfs", Some(c"tmpfs"), &options.parameters, Attributes::empty(), &mut log)
            .map_err(|e| Error::step(what.clone())(e.into()))?;
        copy_up::fill(self.root, &mount.destination, tmpfs.as_fd()).map_err(Error::step(what))?;
        self.tree(mount, &options, tmpfs)
    }

    fn filesystem(&mut self, mount: &oci::Mount, mut options: Options) -> Result<Mount, Error> {
        let target = in_root(&mount.destination)?;
        let kind = if mount.kind.is_empty() || mount.kind == "none" {
            return Err(Error::InvalidSpec(format!("mount {} has no type", mount.destination.display())));
        } else {
            c_string(&mount.kind, "a mount type")?
        };
        self.adapt(mount, &target, &mut options)?;
        let source = c_string(if mount.source.is_empty() { &mount.kind } else { &mount.source }, "a mount source")?;
        let changes = self.changes_of_new(&options);
        let source = Source::New { kind, source, attributes: options.set, parameters: options.parameters()? };
        Ok(Mount { changes, no_follow: is_unfollowed(mount), ..Mount::new(target, source) })
    }

    /// A step that attaches what the caller has made.
    fn given(&self, mount: &oci::Mount, options: &Options, source: OwnedFd) -> Result<Step, Error> {
        let what = || format!("look at what is to be mounted on {}", mount.destination.display());
        if !sys::is_context(source.as_fd()).map_err(|e| Error::step(what())(e.into()))? {
            return self.tree(mount, options, source);
        }
        Ok(Step::Mount(Box::new(Mount {
            changes: self.changes_of_new(options),
            no_follow: is_unfollowed(mount),
            ..Mount::new(in_root(&mount.destination)?, Source::Context { context: source, attributes: options.set })
        })))
    }

    /// What is changed of a new file system's mount beyond the attributes that it is made with.
    fn changes_of_new(&self, options: &Options) -> Vec<Change> {
        let attributes = options.changes().into_iter().filter(|c| c.recursive || !c.clear.is_empty());
        let propagation = self.propagation.filter(|_| options.propagation.is_empty());
        attributes.chain(propagation).chain(propagation_changes(options)).collect()
    }

    /// What particular file systems need.
    fn adapt(&mut self, mount: &oci::Mount, target: &CString, options: &mut Options) -> Result<(), Error> {
        let kind = mount.kind.as_str();
        // Mount points inside are made first.
        if kind == "tmpfs" && options.set.contains(Attributes::RDONLY) {
            options.set.remove(Attributes::RDONLY);
            self.readonly_later.push(target.clone());
        }
        // Others get the switch on the superblock too: a disk must not be written, not even its journal.
        let virtual_kinds = ["proc", "sysfs", "tmpfs", "devpts", "mqueue", "ramfs", "overlay"];
        if options.set.contains(Attributes::RDONLY) && !virtual_kinds.contains(&kind) {
            options.parameters.push(Parameter::Flag(c"ro".into()));
        }
        let label = &self.linux.mount_label;
        if !label.is_empty() && ["tmpfs", "mqueue", "devpts"].contains(&kind) {
            options.parameters.push(Parameter::Value(c"context".into(), c_string(label, "the mount label")?));
        }
        Ok(())
    }
}

/// Whether the image must not redirect it by a link: what later steps write to is in there.
fn is_unfollowed(mount: &oci::Mount) -> bool {
    matches!(mount.kind.as_str(), "proc" | "sysfs")
}

fn is_directory(stat: rustix::fs::Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir()
}

pub(crate) fn propagation_changes(options: &Options) -> impl Iterator<Item = Change> {
    options.propagation.iter().map(|(propagation, recursive)| Change {
        propagation: Some(*propagation),
        recursive: *recursive,
        ..Change::default()
    })
}

/// What mounts get that ask for nothing: they follow the root's propagation, which is `rslave` unless said otherwise.
pub(crate) fn default_propagation(rootfs_propagation: Option<(Propagation, bool)>) -> Option<Change> {
    match rootfs_propagation {
        Some((Propagation::Shared, _)) => None,
        Some((Propagation::Private | Propagation::Unbindable, _)) => Some(Change::propagate(Propagation::Private)),
        Some((Propagation::Slave, _)) | None => Some(Change::propagate(Propagation::Slave)),
    }
}

/// Files and directories of procfs that containers commonly replace by emulations (the list is runc's, for compatibility).
const REPLACEABLE: [&str; 11] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/slabinfo",
    "/proc/net/dev",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled",
];

fn check_destination(mount: &oci::Mount) -> Result<(), Error> {
    let shown = mount.destination.display();
    let path = normalize(&mount.destination);
    if path == Path::new("/") {
        return Err(Error::InvalidSpec(format!("mount destination {shown:?} is the root")));
    }
    if path == Path::new("/proc") {
        let options = Options::parse(&mount.options)?;
        if mount.kind == "proc" || options.bind.is_some() && Path::new(&mount.source) == Path::new("/proc") {
            return Ok(());
        }
        return Err(Error::InvalidSpec(format!("{shown} can only be a mount of procfs")));
    }
    let allowed = !path.starts_with("/proc") || REPLACEABLE.iter().any(|p| path == Path::new(p));
    if allowed {
        Ok(())
    } else {
        Err(Error::InvalidSpec(format!("{shown} is inside /proc and cannot be mounted over")))
    }
}

/// Resolves `.` and `..` by the text alone.
pub(crate) fn normalize(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for component in path.components() {
        match component {
            std::path::Component::Normal(name) => clean.push(name),
            std::path::Component::ParentDir => {
                clean.pop();
            }
            _ => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> oci::Mount {
        oci::Mount {
            destination: destination.into(),
            kind: kind.into(),
            source: source.into(),
            options: options.iter().map(ToString::to_string).collect(),
            ..oci::Mount::default()
        }
    }

    #[test]
    fn the_root_and_procfs_cannot_be_mounted_over() {
        assert!(check_destination(&mount("/", "tmpfs", "", &[])).is_err());
        assert!(check_destination(&mount("/a/../", "tmpfs", "", &[])).is_err());
        assert!(check_destination(&mount("/proc", "tmpfs", "", &[])).is_err());
        assert!(check_destination(&mount("/x/../proc/./sys", "tmpfs", "", &[])).is_err());
        assert!(check_destination(&mount("/proc", "proc", "proc", &[])).is_ok());
        assert!(check_destination(&mount("/proc", "bind", "/proc", &["rbind"])).is_ok());
        assert!(check_destination(&mount("/proc/meminfo", "bind", "/x", &["bind"])).is_ok());
        assert!(check_destination(&mount("/process", "tmpfs", "", &[])).is_ok());
    }
}
