//! The text of `info`.

use std::fmt::Write;

use teu_api::system::{Info, Swarm};

use super::units;

/// The half about the client.
pub(crate) fn client_text(version: &str, context: &str, debug: bool) -> String {
    format!("Client:\n Version:    {version}\n Context:    {context}\n Debug Mode: {debug}\n")
}

/// The half about the engine. Ends with an empty line, as Docker's does.
pub(crate) fn server_text(info: &Info) -> String {
    let mut text = Text(String::new());
    counts(&mut text, info);
    drivers(&mut text, info);
    swarm(&mut text, &info.swarm);
    runtimes(&mut text, info);
    security(&mut text, &info.security_options);
    machine(&mut text, info);
    text.some("HTTP Proxy", &info.http_proxy);
    text.some("HTTPS Proxy", &info.https_proxy);
    text.some("No Proxy", &info.no_proxy);
    if !info.labels.is_empty() {
        text.list("Labels", &info.labels);
    }
    text.line("Experimental", &info.experimental_build.to_string());
    registries(&mut text, info);
    text.line("Live Restore Enabled", &info.live_restore_enabled.to_string());
    text.some("Product License", &info.product_license);
    if let Some(pools) = &info.default_address_pools {
        text.0.push_str(" Default Address Pools:\n");
        for pool in pools {
            let _ = writeln!(text.0, "   Base: {}, Size: {}", pool.base, pool.size);
        }
    }
    text.0.push('\n');
    text.0
}

/// Lines of `name: value`. Writing to a string cannot fail.
struct Text(String);

impl Text {
    fn line(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, " {name}: {value}");
    }

    /// A line unless the value is empty.
    fn some(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.line(name, value);
        }
    }

    fn below(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, "  {name}: {value}");
    }

    fn list(&mut self, name: &str, values: &[String]) {
        let _ = writeln!(self.0, " {name}:");
        for value in values {
            let _ = writeln!(self.0, "  {value}");
        }
    }
}

fn counts(text: &mut Text, info: &Info) {
    text.line("Containers", &info.containers.to_string());
    text.below("Running", &info.containers_running.to_string());
    text.below("Paused", &info.containers_paused.to_string());
    text.below("Stopped", &info.containers_stopped.to_string());
    text.line("Images", &info.images.to_string());
    text.some("Server Version", &info.server_version);
}

fn drivers(text: &mut Text, info: &Info) {
    text.some("Storage Driver", &info.driver);
    for (name, value) in &info.driver_status {
        text.below(name, value);
    }
    text.some("Logging Driver", &info.logging_driver);
    text.some("Cgroup Driver", &info.cgroup_driver);
    text.some("Cgroup Version", &info.cgroup_version);
    text.0.push_str(" Plugins:\n");
    text.below("Volume", &info.plugins.volume.join(" "));
    text.below("Network", &info.plugins.network.join(" "));
    if let Some(authorization) = info.plugins.authorization.as_ref().filter(|plugins| !plugins.is_empty()) {
        text.below("Authorization", &authorization.join(" "));
    }
    text.below("Log", &info.plugins.log.join(" "));
    if !info.cdi_spec_dirs.is_empty() {
        text.list("CDI spec directories", &info.cdi_spec_dirs);
    }
    if !info.discovered_devices.is_empty() {
        let shown: Vec<_> = info.discovered_devices.iter().map(|d| format!("{}: {}", d.source, d.id)).collect();
        text.list("Discovered Devices", &shown);
    }
}

fn swarm(text: &mut Text, swarm: &Swarm) {
    text.line("Swarm", &swarm.local_node_state);
    if matches!(swarm.local_node_state.as_str(), "" | "inactive" | "locked") {
        return;
    }
    text.below("NodeID", &swarm.node_id);
    if !swarm.error.is_empty() {
        text.below("Error", &swarm.error);
    }
    text.below("Is Manager", &swarm.control_available.to_string());
    text.below("Node Address", &swarm.node_addr);
}

fn runtimes(text: &mut Text, info: &Info) {
    if info.runtimes.is_empty() {
        return;
    }
    let names: Vec<&str> = info.runtimes.keys().map(String::as_str).collect();
    text.line("Runtimes", &names.join(" "));
    text.line("Default Runtime", &info.default_runtime);
    text.line("Init Binary", &info.init_binary);
    for (name, commit) in
        [("containerd", &info.containerd_commit), ("runc", &info.runc_commit), ("init", &info.init_commit)]
    {
        let _ = write!(text.0, " {name} version: {}", commit.id);
        if !commit.expected.is_empty() && commit.id != commit.expected {
            let _ = write!(text.0, " (expected: {})", commit.expected);
        }
        text.0.push('\n');
    }
}

/// Options come as `name=seccomp,profile=builtin`.
fn security(text: &mut Text, options: &[String]) {
    if options.is_empty() {
        return;
    }
    text.0.push_str(" Security Options:\n");
    for option in options {
        for (key, value) in option.split(',').filter_map(|pair| pair.split_once('=')) {
            match key {
                "name" => {
                    let _ = writeln!(text.0, "  {value}");
                }
                "profile" => {
                    let _ = writeln!(text.0, "   Profile: {value}");
                }
                _ => {
                    let _ = writeln!(text.0, "   {key}: {value}");
                }
            }
        }
    }
}

fn machine(text: &mut Text, info: &Info) {
    text.some("Kernel Version", &info.kernel_version);
    text.some("Operating System", &info.operating_system);
    text.some("OSType", &info.os_type);
    text.some("Architecture", &info.architecture);
    text.line("CPUs", &info.ncpu.to_string());
    text.line("Total Memory", &units::binary_size(info.mem_total));
    text.some("Name", &info.name);
    text.some("ID", &info.id);
    text.some("Docker Root Dir", &info.docker_root_dir);
    text.line("Debug Mode", &info.debug.to_string());
    if info.debug {
        text.below("File Descriptors", &info.n_fd.to_string());
        text.below("Goroutines", &info.n_goroutines.to_string());
        text.below("System Time", &info.system_time);
        text.below("EventsListeners", &info.n_events_listener.to_string());
    }
}

fn registries(text: &mut Text, info: &Info) {
    let config = &info.registry_config;
    let insecure = config.index_configs.iter().filter(|(_, index)| !index.secure).map(|(name, _)| name.clone());
    let insecure: Vec<String> = insecure.chain(config.insecure_registry_cidrs.iter().cloned()).collect();
    if !insecure.is_empty() {
        text.list("Insecure Registries", &insecure);
    }
    if let Some(mirrors) = config.mirrors.as_ref().filter(|mirrors| !mirrors.is_empty()) {
        text.list("Registry Mirrors", mirrors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_options_are_taken_apart() {
        let mut text = Text(String::new());
        security(&mut text, &["name=apparmor".into(), "name=seccomp,profile=builtin".into(), "name=cgroupns".into()]);
        assert_eq!(text.0, " Security Options:\n  apparmor\n  seccomp\n   Profile: builtin\n  cgroupns\n");
    }
}
