//! Control groups that outlived their containers.

use std::collections::BTreeSet;
use std::time::Duration;

use teu_sys::cgroup::Cgroup;

use crate::Engine;

/// A group that is younger may be about to get its first process.
pub(crate) const STARTING: Duration = Duration::from_mins(1);

impl Engine {
    /// Kills what is left in a container's control group, and removes it. Blocks until it is gone.
    pub(crate) fn clear_cgroup(&self, path: &str) {
        let Some(hierarchy) = &self.machine().hierarchy else { return };
        // As a rule the keeper has removed it.
        let Ok(group) = Cgroup::open(hierarchy, path) else { return };
        if let Err(error) = group.remove() {
            tracing::error!(path, %error, "a control group could not be removed");
        }
    }

    /// Removes control groups below the engine's own that belong to no container. Another engine may have the same
    /// parent: what is in use or new is left alone.
    pub(crate) fn sweep_cgroups(&self, is_stale: impl Fn(&String) -> bool) {
        let Some(hierarchy) = &self.machine().hierarchy else { return };
        let parent = self.config().cgroup_parent.trim_matches('/').to_owned();
        let folders = hierarchy.mount_points().filter_map(|(mount, _)| std::fs::read_dir(mount.join(&parent)).ok());
        let old = folders.flatten().flatten().filter(is_old);
        let ids: BTreeSet<String> = old.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        for id in ids.iter().filter(|id| is_stale(id)) {
            let Ok(group) = Cgroup::open(hierarchy, &format!("/{parent}/{id}")) else { continue };
            if group.pids().is_ok_and(|pids| pids.is_empty()) {
                tracing::info!(id, "a control group without a container is removed");
                if let Err(error) = group.remove() {
                    tracing::error!(id, %error, "it could not be removed");
                }
            }
        }
    }
}

/// Whether a folder has been there for longer than any start takes.
fn is_old(entry: &std::fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|m| m.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > STARTING))
}
