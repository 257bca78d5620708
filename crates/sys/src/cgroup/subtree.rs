//! v2: giving controllers to a group, and files named by the user.
//!
//! A group has the controllers that its parent lists in `cgroup.subtree_control`, so they are enabled from the root
//! down. A group other than the root that has processes of its own cannot give any ("no internal processes").

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::file::Dir;
use super::hierarchy::{ControllerSet, Mount};
use super::{Cgroup, Controller, Error, Result, file};

/// Controllers that a group gets once something is set that they are for. All others count what statistics tell, or are what
/// engines within containers look for; of these a group that is not limited has nothing but kernel memory, some 7 KiB.
const ON_DEMAND: [Controller; 3] = [Controller::Hugetlb, Controller::Rdma, Controller::Misc];

/// Enables what groups usually have of what the root has, and leaves out what cannot be.
pub(super) fn enable_usual(group: &Cgroup) -> Result<()> {
    let Some(index) = group.hierarchy.unified() else { return Ok(()) };
    let usual = group.hierarchy.mounts[index].controllers.without(ON_DEMAND.into_iter().collect());
    match enable(group, index, usual) {
        Ok(_) | Err(Error::InternalProcesses { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Enables controllers from the root down to the group's parent. Says which the group has then.
pub(super) fn enable(group: &Cgroup, index: usize, wanted: ControllerSet) -> Result<ControllerSet> {
    let dir = group.dir_at(index);
    let mount = &group.hierarchy.mounts[index];
    let built_in = [Controller::Devices, Controller::Freezer, Controller::Cpuacct];
    let wanted = wanted.without(built_in.into_iter().collect());
    let present = words(dir.path, "cgroup.controllers")?;
    let has = |present: ControllerSet| present.iter().chain(built_in).collect();
    if wanted.without(present).is_empty() {
        return Ok(has(present));
    }
    for parent in parents(mount, dir.path) {
        let missing = wanted.without(words(&parent, "cgroup.subtree_control")?);
        enable_in(&parent, missing)?;
    }
    Ok(has(words(dir.path, "cgroup.controllers")?))
}

/// The mount's root and every group between it and `dir`, from the top.
fn parents(mount: &Mount, dir: &Path) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> =
        dir.ancestors().skip(1).take_while(|p| p.starts_with(&mount.path)).map(Path::to_owned).collect();
    list.reverse();
    list
}

/// Adds controllers to a group's `cgroup.subtree_control`, all at once or, if that fails, those that can be.
fn enable_in(parent: &Path, missing: ControllerSet) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let control = parent.join("cgroup.subtree_control");
    let all: Vec<String> = missing.iter().map(|c| format!("+{c}")).collect();
    if file::write(&control, &all.join(" ")).is_ok() {
        return Ok(());
    }
    for word in &all {
        match file::write(&control, word) {
            // ENOENT: the parent's parent does not give it. EINVAL: cpu, while realtime tasks are around.
            Ok(()) | Err(Errno::NOENT | Errno::INVAL) => {}
            Err(Errno::BUSY) => return Err(Error::InternalProcesses { path: parent.to_owned() }),
            // A threaded group gives only threaded controllers.
            Err(Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(Error::Write { file: control, value: word.clone(), errno }),
        }
    }
    Ok(())
}

fn words(dir: &Path, name: &str) -> Result<ControllerSet> {
    Dir { path: dir, v2: true }.read(name).map(|text| ControllerSet::from_v2_words(&text))
}

/// Writes files named by the user.
pub(super) fn apply_unified(group: &Cgroup, files: &BTreeMap<String, String>) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let Some(index) = group.hierarchy.unified() else {
        return Err(Error::Unsupported { what: "a list of unified settings", version: "v1" });
    };
    let dir = group.dir_at(index);
    for (name, value) in files {
        let invalid = |reason| Error::InvalidValue { what: "unified setting", value: name.clone(), reason };
        let (prefix, _) = name.split_once('.').ok_or_else(|| invalid("it is not controller.file"))?;
        if name.contains('/') {
            return Err(invalid("it is not the name of a file"));
        }
        if prefix != "cgroup" {
            let controller = Controller::from_v2_name(prefix).ok_or_else(|| invalid("no such controller"))?;
            group.require(controller, "unified settings")?;
        }
        for line in value.lines() {
            dir.write_feature("unified settings", name, line)?;
        }
    }
    Ok(())
}
