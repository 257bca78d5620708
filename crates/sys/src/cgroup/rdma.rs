//! RDMA devices.

use super::{Cgroup, Controller, RdmaLimit, Result};

pub(super) fn apply(group: &Cgroup, limits: &[RdmaLimit]) -> Result<()> {
    if limits.is_empty() {
        return Ok(());
    }
    let dir = group.require(Controller::Rdma, "RDMA devices")?;
    for RdmaLimit { device, hca_handles, hca_objects } in limits {
        let word = |limit: &Option<u32>| limit.map_or_else(|| "max".to_owned(), |n| n.to_string());
        let line = format!("{device} hca_handle={} hca_object={}", word(hca_handles), word(hca_objects));
        dir.write("rdma.max", &line)?;
    }
    Ok(())
}
