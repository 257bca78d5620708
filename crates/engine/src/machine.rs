//! What the machine can do: found out once.

use std::path::{Path, PathBuf};

use teu_oci::defaults::{KernelVersion, MASKED_PATHS, masked_thermal_paths};
use teu_sys::caps::{self, Capability};
use teu_sys::cgroup::{Hierarchy, Version};

use crate::Error;
use crate::apparmor::AppArmor;

/// What the machine can do.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// Control groups are unified.
    pub(crate) cgroup_v2: bool,
    /// Where its control groups are; none for a machine that is made up.
    pub(crate) hierarchy: Option<Hierarchy>,
    /// Capabilities that the engine can give.
    pub(crate) capabilities: Vec<&'static str>,
    pub(crate) apparmor: AppArmor,
    pub(crate) selinux: bool,
    /// What containers cannot read unless asked for otherwise: what exists of Docker's list.
    pub(crate) masked_paths: Vec<PathBuf>,
    /// Processors that containers can be given, as the kernel lists them: `0-3,6`.
    pub(crate) online_processors: String,
    /// How many processors this process may run on.
    pub(crate) processors: usize,
    /// NUMA nodes with memory, as the kernel lists them.
    pub(crate) memory_nodes: String,
    /// Whether shares of block I/O can be given: to containers, and for one device.
    pub(crate) block_weight: bool,
    pub(crate) block_weight_device: bool,
    /// Go's name of the architecture.
    pub(crate) architecture: &'static str,
    pub(crate) kernel: KernelVersion,
}

impl Machine {
    /// Looks.
    pub(crate) fn detect() -> Result<Machine, Error> {
        let hierarchy = Hierarchy::detect().map_err(|e| Error::Part { part: "cgroup", message: e.to_string() })?;
        let bounding = caps::bounding_set();
        Ok(Machine {
            cgroup_v2: hierarchy.version() == Version::V2,
            capabilities: Capability::all().filter(|c| bounding.contains(*c)).map(Capability::name).collect(),
            apparmor: AppArmor::detect(),
            selinux: Path::new("/sys/fs/selinux/enforce").exists(),
            masked_paths: masked_paths(),
            online_processors: online_processors(),
            processors: processors(),
            memory_nodes: memory_nodes(),
            block_weight: has_block_file(&hierarchy, "blkio.weight"),
            block_weight_device: has_block_file(&hierarchy, "blkio.weight_device"),
            architecture: architecture(),
            kernel: kernel(),
            hierarchy: Some(hierarchy),
        })
    }

    /// A machine with all capabilities and nothing else.
    pub(crate) fn bare() -> Machine {
        Machine {
            cgroup_v2: true,
            hierarchy: None,
            capabilities: Capability::all().map(Capability::name).collect(),
            apparmor: AppArmor::Off,
            selinux: false,
            masked_paths: MASKED_PATHS.map(PathBuf::from).into(),
            online_processors: "0-3".to_owned(),
            processors: 4,
            memory_nodes: "0".to_owned(),
            block_weight: true,
            block_weight_device: true,
            architecture: "amd64",
            kernel: KernelVersion { major: 6, minor: 12 },
        }
    }
}

/// Docker's list, and the counters of thermal throttling that the processors here have.
fn masked_paths() -> Vec<PathBuf> {
    let thermal = masked_thermal_paths(possible_processors()).filter(|path| path.exists());
    MASKED_PATHS.iter().map(PathBuf::from).chain(thermal).collect()
}

/// One more than the highest number a processor can have here: more than this process may run on.
fn possible_processors() -> u32 {
    let listed = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    let highest = listed.trim().rsplit([',', '-']).next().and_then(|number| number.parse::<u32>().ok());
    highest.unwrap_or(0).saturating_add(1)
}

/// How many processors this process may run on, as Docker counts them: a quota does not matter.
fn processors() -> usize {
    let allowed = rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count());
    usize::try_from(allowed).unwrap_or(1).max(1)
}

/// Whether v1 has a file of its block I/O controller. On v2, the kernel is asked when it is written.
fn has_block_file(hierarchy: &Hierarchy, name: &str) -> bool {
    hierarchy.version() == Version::V2 || hierarchy.mount_points().any(|(mount, _)| mount.join(name).exists())
}

/// What the kernel says, else as many as this process may use.
fn online_processors() -> String {
    let listed = std::fs::read_to_string("/sys/devices/system/cpu/online").map(|text| text.trim().to_owned());
    listed.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| format!("0-{}", processors() - 1))
}

/// What the kernel says, else the one that there always is.
fn memory_nodes() -> String {
    let listed = std::fs::read_to_string("/sys/devices/system/node/has_memory").map(|text| text.trim().to_owned());
    listed.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "0".to_owned())
}

/// Go's name for what this is built for.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

fn kernel() -> KernelVersion {
    let name = rustix::system::uname();
    // A kernel that does not say is taken for the oldest that Teu runs on.
    KernelVersion::parse(&name.release().to_string_lossy()).unwrap_or(KernelVersion { major: 5, minor: 10 })
}
