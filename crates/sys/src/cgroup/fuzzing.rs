//! Fuzz targets: the texts of procfs and of cgroup files.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

pub use super::systemd::fuzzing::dbus;

use super::device_table::DeviceTable;
use super::{Cgroup, Controller, Hierarchy, SystemdPath, file, hierarchy, io, pressure};

/// Texts of procfs and of cgroup files.
pub fn kernel_text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    black_box(hierarchy::parse_mountinfo(&text));
    black_box(hierarchy::parse_proc_cgroup(&text).count());
    black_box((io::parse_io_stat(&text), io::parse_blkio(&text, &text)));
    black_box((pressure::parse(&text), file::flat_keyed(&text).count(), file::value_of(&text, "oom_kill")));
    black_box((SystemdPath::parse(&text).is_ok(), crate::signal::parse(&text)));
    if let Some(table) = DeviceTable::parse_list(&text) {
        // What is written back means the same.
        let lines: String = table.lines().map(|line| line + "\n").collect();
        if !table.allows_by_default() {
            let again = DeviceTable::parse_list(&lines);
            assert!(again.is_some_and(|again| again.lines().eq(table.lines())), "{lines}");
        }
        black_box(table.compile());
    }
}

/// The files of a group, each behind a line `= name`: what can be read is the usage, of v1 and of v2.
///
/// # Errors
/// The files cannot be written.
pub fn cgroup_stats(folder: &Path, data: &[u8]) -> std::io::Result<()> {
    let text = String::from_utf8_lossy(data);
    let files = folder.join("group");
    std::fs::create_dir(&files)?;
    for file in text.split("= ").skip(1) {
        let (name, content) = file.split_once('\n').unwrap_or((file, ""));
        if !name.is_empty() && name.len() < 100 && !name.contains(['/', '\0']) && !name.starts_with('.') {
            std::fs::write(files.join(name), content)?;
        }
    }
    for v2 in [false, true] {
        let controllers = Controller::ALL.into_iter().collect();
        let (path, root, label) = (folder.to_owned(), "/".to_owned(), String::new());
        let mounts = Arc::new([hierarchy::Mount { path, root, controllers, label, v2 }]);
        let Ok(group) = Cgroup::open(&Hierarchy { mounts, filters: Arc::default() }, "/group") else { continue };
        if let Ok(stats) = group.stats() {
            assert!(stats.io.is_none_or(|io| io.devices.len() <= data.len()));
        }
        black_box((group.pids().is_ok(), group.is_frozen().is_ok()));
    }
    Ok(())
}
