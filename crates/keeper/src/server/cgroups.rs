//! Containers' cgroups.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use teu_oci::runtime::{Resources, Spec};
use teu_runtime::resources::{for_new_container, for_update};
use teu_sys::cgroup::{Cgroup, Error, Hierarchy};

use crate::protocol::{Failure, FailureKind};

/// Where cgroups are made; looked up when first needed.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    hierarchy: Option<Hierarchy>,
    /// Those of containers that are about to be started, by path.
    reserved: BTreeMap<String, Reserved>,
}

/// A cgroup that nobody is in yet.
#[derive(Debug)]
struct Reserved {
    cgroup: Cgroup,
    /// The serial number of the connection that asked for it.
    asked: u64,
}

impl Cgroups {
    fn hierarchy(&mut self) -> Result<&Hierarchy, Failure> {
        if self.hierarchy.is_none() {
            self.hierarchy = Some(Hierarchy::detect()?);
        }
        self.hierarchy.as_ref().ok_or_else(|| Error::NotMounted.into())
    }

    /// Makes a container's cgroup ahead of its start; what an earlier run has left in one of its name ends.
    pub(super) fn reserve(&mut self, path: &str, asked: u64) -> Result<(), Failure> {
        if path.is_empty() {
            return Ok(());
        }
        let cgroup = match self.reserved.remove(path) {
            Some(Reserved { cgroup, .. }) => cgroup,
            None => {
                let mut cgroup = Cgroup::create_anew(self.hierarchy()?, path)?;
                // Whoever joins tries again, and tells.
                let _ = cgroup.prepare_join();
                cgroup
            }
        };
        self.reserved.insert(path.to_owned(), Reserved { cgroup, asked });
        Ok(())
    }

    /// Removes what a connection has reserved, or all connections have, and not used.
    pub(super) fn unreserve_all(&mut self, asked: Option<u64>) {
        for (path, reserved) in std::mem::take(&mut self.reserved) {
            if asked.is_none_or(|asked| asked == reserved.asked) {
                // As in `remove`.
                let _ = reserved.cgroup.remove();
            } else {
                self.reserved.insert(path, reserved);
            }
        }
    }

    /// Makes a container's cgroup, unless that was done ahead, and gives it its limits. An empty path means that the container
    /// stays in the keeper's.
    pub(super) fn create(&mut self, path: &str, spec: &Spec) -> Result<Option<Cgroup>, Failure> {
        if path.is_empty() {
            return Ok(None);
        }
        let resources = spec.linux.as_ref().and_then(|l| l.resources.as_ref());
        let limits = for_new_container(resources)?;
        let cgroup = match self.reserved.remove(path) {
            Some(Reserved { cgroup, .. }) => cgroup,
            None => Cgroup::create_anew(self.hierarchy()?, path)?,
        };
        match cgroup.apply(&limits) {
            Ok(()) => Ok(Some(cgroup)),
            Err(error) => Err(Failure::new(FailureKind::Failed, format!("{}{error}", when(&error)))),
        }
    }

    /// Opens it again.
    pub(super) fn open(&mut self, path: &str) -> Result<Option<Cgroup>, Failure> {
        if path.is_empty() {
            return Ok(None);
        }
        Ok(Some(Cgroup::open(self.hierarchy()?, path)?))
    }

    /// Changes limits.
    pub(super) fn update(&mut self, path: &str, resources: &Resources) -> Result<(), Failure> {
        let limits = for_update(resources)?;
        match self.open(path)? {
            Some(cgroup) => Ok(cgroup.apply(&limits)?),
            None => Err(Failure::new(FailureKind::Conflict, "the container has no cgroup")),
        }
    }

    /// Whether the kernel killed one of its processes for lack of memory.
    pub(super) fn was_oom_killed(&mut self, path: &str) -> bool {
        // A cgroup that is gone cannot tell any more.
        matches!(self.open(path), Ok(Some(cgroup)) if cgroup.oom_kills().is_ok_and(|kills| kills > 0))
    }

    /// Ends whatever is left in it.
    pub(super) fn kill(&mut self, path: &str) {
        if let Ok(Some(cgroup)) = self.open(path) {
            // Removal tries again, and tells.
            let _ = cgroup.kill();
        }
    }

    /// Removes it. What cannot be removed now is removed by the daemon's reconciliation.
    pub(super) fn remove(&mut self, path: &str) {
        self.reserved.remove(path);
        if let Ok(Some(cgroup)) = self.open(path) {
            let _ = cgroup.remove();
        }
    }
}

/// What runc was at when the kernel refused a limit: it sets real-time limits before all others.
fn when(error: &Error) -> &'static str {
    match error {
        Error::Write { file, .. } if file.file_name().is_some_and(|name| name.as_bytes().starts_with(b"cpu.rt_")) => {
            "unable to apply cgroup configuration: "
        }
        Error::Write { .. } | Error::Shares { .. } => {
            "error during container init: error setting cgroup config for procHooks process: "
        }
        _ => "",
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let kind = match &error {
            Error::NotFound { .. } => FailureKind::NotFound,
            Error::InUse { .. } => FailureKind::Conflict,
            Error::InvalidPath { .. } => FailureKind::Invalid,
            _ => FailureKind::Failed,
        };
        Failure::new(kind, error.to_string())
    }
}
