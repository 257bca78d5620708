//! What neither the request nor the image says.

use teu_api::container::{Config, HostConfig};
use teu_oci::defaults::READONLY_PATHS;

use crate::EngineConfig;
use crate::machine::Machine;

/// Fills in defaults, so that inspect shows what is in effect.
pub(super) fn fill(config: &mut Config, host: &mut HostConfig, id: &str, engine: &EngineConfig, machine: &Machine) {
    if host.network_mode.is_empty() || host.network_mode == "default" {
        host.network_mode = if config.network_disabled { "none" } else { "bridge" }.to_owned();
    }
    if config.hostname.is_empty() {
        config.hostname = hostname(host, id);
    }
    if host.ipc_mode.is_empty() {
        host.ipc_mode.clone_from(&engine.default_ipc_mode);
    }
    if host.cgroupns_mode.is_empty() {
        let private = machine.cgroup_v2 && !host.privileged && engine.default_cgroupns_mode != "host";
        host.cgroupns_mode = if private { "private" } else { "host" }.to_owned();
    }
    for (name, limit) in &engine.default_ulimits {
        let own = host.ulimits.get_or_insert_default();
        if !own.iter().any(|ulimit| ulimit.name == *name) {
            own.push(limit.clone());
        }
    }
    if host.restart_policy.name.is_empty() {
        host.restart_policy.name = "no".to_owned();
    }
    if host.runtime.is_empty() {
        host.runtime.clone_from(&engine.default_runtime);
    }
    if host.memory > 0 && host.memory_swap == 0 {
        // As much swap as memory. Said here, so that a later update knows what is in effect.
        host.memory_swap = host.memory.saturating_mul(2);
    }
    if host.shm_size == 0 {
        host.shm_size = i64::try_from(engine.default_shm_size).unwrap_or(i64::MAX);
    }
    if host.log_config.driver.is_empty() {
        host.log_config.driver.clone_from(&engine.log_driver);
    }
    let same = host.log_config.driver == engine.log_driver;
    let own = host.log_config.config.get_or_insert_default();
    // Options of the file behind a driver do not depend on the driver.
    for (name, value) in engine.log_opts.iter().filter(|(name, _)| same || name.starts_with("cache-")) {
        own.entry(name.clone()).or_insert_with(|| value.clone());
    }
    resources(host);
    host.oom_kill_disable.get_or_insert(false);
    // Gone from the kernel: taken and forgotten, as in Docker since 1.42.
    host.kernel_memory = 0;
    // Docker's mark of a container that labels do not confine. It is shown where the kernel has none, too.
    let labelled =
        host.security_opt.iter().flatten().any(|o| o.split_once(['=', ':']).is_some_and(|(n, _)| n == "label"));
    if (host.privileged || host.ipc_mode == "host" || host.pid_mode == "host") && !labelled {
        host.security_opt.get_or_insert_default().push("label=disable".to_owned());
    }
    // Docker's way to ask for neither: an option that becomes two empty lists.
    if let Some(options) = &mut host.security_opt
        && let Some(at) = options.iter().position(|o| o == "systempaths=unconfined")
    {
        options.remove(at);
        host.masked_paths = Some(Vec::new());
        host.readonly_paths = Some(Vec::new());
    }
    // What the container gets is written down: a later version may have another list. Privileged ones get neither.
    if !host.privileged {
        let masked = || machine.masked_paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        host.masked_paths.get_or_insert_with(masked);
        host.readonly_paths.get_or_insert_with(|| READONLY_PATHS.map(str::to_owned).into());
    }
}

/// Takes out what the kernel cannot do and nothing depends on, in Docker's words.
pub(super) fn discard(host: &mut HostConfig, machine: &Machine, warnings: &mut Vec<String>) {
    let lacks = "Your kernel does not support Block I/O";
    if host.blkio_weight > 0 && !machine.block_weight {
        warnings.push(format!("{lacks} weight or the cgroup is not mounted. Weight discarded."));
        host.blkio_weight = 0;
    }
    if host.blkio_weight_device.as_ref().is_some_and(|list| !list.is_empty()) && !machine.block_weight_device {
        warnings.push(format!("{lacks} weight_device or the cgroup is not mounted. Weight-device discarded."));
        host.blkio_weight_device = Some(Vec::new());
    }
}

/// Limits that follow from others, and clients' ways to say that there is none.
fn resources(host: &mut HostConfig) {
    if host.memory > 0 && host.memory_swap == 0 {
        host.memory_swap = host.memory.saturating_mul(2);
    }
    host.memory_swappiness = host.memory_swappiness.filter(|swappiness| *swappiness != -1);
    host.pids_limit = host.pids_limit.filter(|limit| *limit > 0);
}

/// The host's own name in its network, else the beginning of the id.
fn hostname(host: &HostConfig, id: &str) -> String {
    if host.network_mode == "host" {
        let name = rustix::system::uname();
        return name.nodename().to_string_lossy().into_owned();
    }
    teu_oci::id::short(id).to_owned()
}

#[cfg(test)]
mod tests {
    use teu_api::container::{HostConfig, WeightDevice};

    use super::discard;
    use crate::machine::Machine;

    #[test]
    fn shares_that_the_kernel_lacks_are_dropped_aloud() {
        let device = || WeightDevice { path: "/dev/null".to_owned(), weight: 300 };
        let asked =
            || HostConfig { blkio_weight: 200, blkio_weight_device: Some(vec![device()]), ..HostConfig::default() };
        let (mut host, mut warnings) = (asked(), Vec::new());
        discard(&mut host, &Machine::bare(), &mut warnings);
        assert_eq!((host.blkio_weight, warnings.len()), (200, 0));
        let lacking = Machine { block_weight: false, block_weight_device: false, ..Machine::bare() };
        discard(&mut host, &lacking, &mut warnings);
        assert_eq!((host.blkio_weight, host.blkio_weight_device), (0, Some(Vec::new())));
        let lacks = "Your kernel does not support Block I/O weight";
        let expected = [
            format!("{lacks} or the cgroup is not mounted. Weight discarded."),
            format!("{lacks}_device or the cgroup is not mounted. Weight-device discarded."),
        ];
        assert_eq!(warnings, expected);
        // Nobody asked: nothing is said.
        discard(&mut HostConfig::default(), &lacking, &mut warnings);
        assert_eq!(warnings.len(), 2);
    }
}
