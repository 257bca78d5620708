//! Access to device nodes: the devices controller on v1, an eBPF program on v2.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{Mode, OFlags};

use super::device_table::DeviceTable;
use super::file::Dir;
use super::{Cgroup, Controller, Error, Result};
use crate::bpf;

bitflags::bitflags! {
    /// What may be done with a device node. The bits are those of the kernel's `BPF_DEVCG_ACC_*`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct DeviceAccess: u8 {
        /// `m`: create the node.
        const MKNOD = 1;
        /// `r`: open for reading.
        const READ = 2;
        /// `w`: open for writing.
        const WRITE = 4;
    }
}

/// Kind of device node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceKind {
    /// Both kinds: `a`.
    All,
    /// Block device.
    Block,
    /// Character device.
    Char,
}

/// One rule. The last rule that matches decides; what no rule matches is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceRule {
    /// Allow or deny.
    pub allow: bool,
    /// Kind of node.
    pub kind: DeviceKind,
    /// Major number; `None` is any.
    pub major: Option<u32>,
    /// Minor number; `None` is any.
    pub minor: Option<u32>,
    /// What is allowed or denied.
    pub access: DeviceAccess,
}

/// v2: loaded programs by what they decide. Loading costs the verifier and the JIT, and most containers have the same
/// devices.
#[derive(Debug, Default)]
pub(super) struct FilterCache(Mutex<BTreeMap<DeviceTable, Arc<OwnedFd>>>);

/// More different filters than this are not kept.
const CACHE_LIMIT: usize = 64;

pub(super) fn apply(group: &Cgroup, rules: Option<&[DeviceRule]>) -> Result<()> {
    let Some(rules) = rules else { return Ok(()) };
    let table = DeviceTable::from_rules(rules)?;
    let dir = group.require(Controller::Devices, "devices")?;
    if dir.v2 { apply_v2(group, dir, table) } else { apply_v1(dir, &table) }
}

/// Writes only what differs, and adds before it takes away, so that a running container never loses what it keeps.
fn apply_v1(dir: Dir<'_>, table: &DeviceTable) -> Result<()> {
    let (reset, add, remove) = if table.allows_by_default() {
        ("devices.allow", "devices.deny", "devices.allow")
    } else {
        ("devices.deny", "devices.allow", "devices.deny")
    };
    // A group that allows by default does not list its exceptions, so there everything is written anew.
    let now = DeviceTable::parse_list(&dir.read("devices.list")?).filter(|now| !now.allows_by_default());
    let Some(now) = now.filter(|_| !table.allows_by_default()) else {
        dir.write(reset, "a")?;
        return dir.write_each(add, table.lines());
    };
    dir.write_each(add, table.beyond(&now))?;
    dir.write_each(remove, now.beyond(table))
}

fn apply_v2(group: &Cgroup, dir: Dir<'_>, table: DeviceTable) -> Result<()> {
    let failed = |action| move |errno| Error::DeviceFilter { action, path: group.path.clone(), errno };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let cgroup = rustix::fs::open(dir.path, flags, Mode::empty()).map_err(failed("open"))?;
    if table.allows_everything() {
        return bpf::clear_device_programs(cgroup.as_fd()).map_err(failed("detach"));
    }
    let program = group.hierarchy.filters.program(table).map_err(failed("load"))?;
    bpf::set_device_program(cgroup.as_fd(), program.as_fd()).map_err(failed("attach"))
}

impl FilterCache {
    fn program(&self, table: DeviceTable) -> Result<Arc<OwnedFd>, rustix::io::Errno> {
        let mut programs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = programs.get(&table) {
            return Ok(Arc::clone(program));
        }
        let program = Arc::new(bpf::load_device_program(&table.compile())?);
        if programs.len() >= CACHE_LIMIT {
            programs.clear();
        }
        programs.insert(table, Arc::clone(&program));
        Ok(program)
    }
}
