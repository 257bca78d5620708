//! Mounts, and paths that are hidden or protected.

use std::path::PathBuf;

use crate::runtime::Mount;

/// Docker's masked paths: what tells of the host or controls it.
pub const MASKED_PATHS: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Docker's read-only paths.
pub const READONLY_PATHS: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Docker's size of `/dev/shm` in bytes.
pub const SHM_SIZE: u64 = 64 << 20;

/// Counters of thermal throttling, by which containers could watch each other's load: masked too, where the processors
/// have them (a container's `/sys` shows those of the host).
pub fn masked_thermal_paths(processors: u32) -> impl Iterator<Item = PathBuf> {
    (0..processors).map(|cpu| format!("/sys/devices/system/cpu/cpu{cpu}/thermal_throttle").into())
}

/// Docker's mounts: `/proc`, `/dev` with `pts`, `mqueue` and `shm`, `/sys` and `/sys/fs/cgroup` read-only.
#[must_use]
pub fn mounts(shm_size: u64) -> Vec<Mount> {
    let mount = |destination: &str, kind: &str, source: &str, options: &[&str]| Mount {
        destination: destination.into(),
        kind: kind.into(),
        source: source.into(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        ..Mount::default()
    };
    let confined = ["nosuid", "noexec", "nodev"];
    let size = format!("size={shm_size}");
    vec![
        mount("/proc", "proc", "proc", &confined),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &["ro", "nosuid", "noexec", "nodev"]),
        mount("/dev/mqueue", "mqueue", "mqueue", &confined),
        mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", &size]),
    ]
}
