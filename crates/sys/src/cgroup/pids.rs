//! Number of tasks.

use super::file::limit_word;
use super::{Cgroup, Controller, PidsStats, Result};

pub(super) fn apply(group: &Cgroup, limit: Option<i64>) -> Result<()> {
    let Some(limit) = limit else { return Ok(()) };
    group.require(Controller::Pids, "the number of tasks")?.write("pids.max", &limit_word(limit, "max"))
}

pub(super) fn stats(group: &Cgroup) -> Result<Option<PidsStats>> {
    let Some(dir) = group.dir(Controller::Pids) else { return Ok(None) };
    let Some(current) = dir.read_number("pids.current")? else { return Ok(None) };
    Ok(Some(PidsStats { current, limit: dir.read_limit("pids.max")? }))
}
