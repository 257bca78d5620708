//! Which processors and memory nodes.

use std::path::Path;

use super::file::Dir;
use super::{Cgroup, Controller, Cpuset, Result};

pub(super) fn apply(group: &Cgroup, cpuset: &Cpuset) -> Result<()> {
    if *cpuset == Cpuset::default() {
        return Ok(());
    }
    let dir = group.require(Controller::Cpuset, "processors")?;
    if let Some(cpus) = &cpuset.cpus {
        dir.write("cpuset.cpus", cpus)?;
    }
    if let Some(mems) = &cpuset.mems {
        dir.write("cpuset.mems", mems)?;
    }
    Ok(())
}

/// v1: no task may enter a group without processors and nodes, and a new one has none: copies those of the parent.
///
/// Parents that had to be filled too are new; `cgroup.clone_children` makes the kernel do this for later children.
pub(super) fn inherit(mount: &Path, dir: &Path) -> Result<()> {
    fill(mount, dir).map(|_| ())
}

/// True if there was something to fill.
fn fill(mount: &Path, dir: &Path) -> Result<bool> {
    let group = Dir { path: dir, v2: false };
    let lacks = |name: &str| group.read(name).map(|text| text.trim().is_empty());
    let (no_cpus, no_mems) = (lacks("cpuset.cpus")?, lacks("cpuset.mems")?);
    let Some(parent) = dir.parent().filter(|p| dir != mount && p.starts_with(mount)) else { return Ok(false) };
    if !no_cpus && !no_mems {
        return Ok(false);
    }
    let above = Dir { path: parent, v2: false };
    if fill(mount, parent)? {
        above.write("cgroup.clone_children", "1")?;
    }
    if no_cpus {
        group.write("cpuset.cpus", above.read("cpuset.cpus")?.trim())?;
    }
    if no_mems {
        group.write("cpuset.mems", above.read("cpuset.mems")?.trim())?;
    }
    Ok(true)
}
