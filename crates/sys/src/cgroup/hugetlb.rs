//! Huge pages.

use std::collections::BTreeMap;

use super::file::{Dir, value_of};
use super::{Cgroup, Controller, Error, HugetlbLimit, HugetlbStats, Result};

pub(super) fn apply(group: &Cgroup, limits: &[HugetlbLimit]) -> Result<()> {
    if limits.is_empty() {
        return Ok(());
    }
    let dir = group.require(Controller::Hugetlb, "huge pages")?;
    let (limit_file, reserved_file) =
        if dir.v2 { ("max", "rsvd.max") } else { ("limit_in_bytes", "rsvd.limit_in_bytes") };
    for HugetlbLimit { page_size, limit } in limits {
        if !page_size.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let reason = "expected a size such as 2MB";
            return Err(Error::InvalidValue { what: "huge page size", value: page_size.clone(), reason });
        }
        let value = limit.to_string();
        dir.write_feature("huge pages", &format!("hugetlb.{page_size}.{limit_file}"), &value)?;
        // Reservations are limited apart since Linux 5.7.
        dir.write_optional(&format!("hugetlb.{page_size}.{reserved_file}"), &value)?;
    }
    Ok(())
}

pub(super) fn stats(group: &Cgroup) -> Result<BTreeMap<String, HugetlbStats>> {
    let Some(dir) = group.dir(Controller::Hugetlb) else { return Ok(BTreeMap::new()) };
    let mut stats = BTreeMap::new();
    for size in page_sizes() {
        if let Some(entry) = stats_of(dir, &size)? {
            stats.insert(size, entry);
        }
    }
    Ok(stats)
}

fn stats_of(dir: Dir<'_>, size: &str) -> Result<Option<HugetlbStats>> {
    let name = |suffix: &str| format!("hugetlb.{size}.{suffix}");
    if dir.v2 {
        let Some(usage) = dir.read_number(&name("current"))? else { return Ok(None) };
        let events = dir.read_optional(&name("events"))?.unwrap_or_default();
        return Ok(Some(HugetlbStats { usage, max_usage: None, failures: value_of(&events, "max").unwrap_or(0) }));
    }
    let Some(usage) = dir.read_number(&name("usage_in_bytes"))? else { return Ok(None) };
    let max_usage = dir.read_number(&name("max_usage_in_bytes"))?;
    Ok(Some(HugetlbStats { usage, max_usage, failures: dir.read_number(&name("failcnt"))?.unwrap_or(0) }))
}

/// Sizes of huge pages this machine has, as cgroup files name them, from `/sys/kernel/mm/hugepages/hugepages-2048kB`.
pub(super) fn page_sizes() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/sys/kernel/mm/hugepages") else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()).map(size_name).collect()
}

fn size_name(kib: u64) -> String {
    const UNITS: [&str; 3] = ["KB", "MB", "GB"];
    let (mut value, mut unit) = (kib, 0);
    while value >= 1024 && unit + 1 < UNITS.len() {
        value /= 1024;
        unit += 1;
    }
    format!("{value}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_named_as_the_kernel_does() {
        assert_eq!([64, 2048, 1_048_576].map(size_name), ["64KB", "2MB", "1GB"]);
    }
}
