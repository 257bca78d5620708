//! The table of options: each has a flag, a key in the file, a form and an effect.

/// An option of dockerd.
#[derive(Debug)]
pub(super) struct Opt {
    /// Name of the flag; empty for what only the file knows.
    pub(super) flag: &'static str,
    pub(super) short: Option<char>,
    /// Name in the file.
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    pub(super) effect: Effect,
    pub(super) help: &'static str,
}

/// Form of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Text,
    /// Given many times.
    List,
    /// `name=value`, given many times.
    Map,
    /// `name[=bool]`, given many times.
    Switches,
    /// `name=path`, given many times.
    Runtimes,
    /// `base=CIDR,size=BITS`, given many times.
    Pools,
    /// `name=soft[:hard]`, given many times.
    Ulimits,
    /// `driver=name=value`, given many times.
    NetworkOpts,
    /// Bytes with an optional unit.
    Size,
    /// An object that is passed over.
    Object,
}

/// What a value does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It is honoured.
    Honoured,
    /// It is accepted: without it, the engine behaves no different.
    Neutral,
    /// Only these values are what the engine does; others are refused.
    Only(&'static [&'static str]),
}

use Effect::{Honoured, Neutral, Only};
use Kind::{Bool, Int, List, Map, NetworkOpts, Object, Pools, Runtimes, Size, Switches, Text, Ulimits};

/// Nothing but what would be without the option.
const OFF: Effect = Only(&["false"]);
const EMPTY: Effect = Only(&[""]);
const NONE: Effect = Only(&["[]"]);
const ZERO: Effect = Only(&["0"]);

const fn opt(flag: &'static str, key: &'static str, kind: Kind, effect: Effect, help: &'static str) -> Opt {
    Opt { flag, short: None, key, kind, effect, help }
}

const fn short(short: char, opt: Opt) -> Opt {
    Opt { short: Some(short), ..opt }
}

/// An option whose key is its flag.
const fn same(flag: &'static str, kind: Kind, effect: Effect, help: &'static str) -> Opt {
    opt(flag, flag, kind, effect, help)
}

/// All options of dockerd 26 and 28, in the order of its help.
#[rustfmt::skip]
pub(super) const OPTIONS: &[Opt] = &[
    opt("add-runtime", "runtimes", Runtimes, Honoured, "Register an additional OCI compatible runtime"),
    same("allow-direct-routing", Bool, OFF, "Allow remote access to published ports on container addresses"),
    opt("allow-nondistributable-artifacts", "allow-nondistributable-artifacts", List, Neutral, "Obsolete"),
    same("api-cors-header", Text, EMPTY, "Set CORS headers in the Engine API"),
    opt("authorization-plugin", "authorization-plugins", List, NONE, "Authorization plugins to load"),
    same("bip", Text, Honoured, "IPv4 address and prefix of the default bridge"),
    same("bip6", Text, Honoured, "IPv6 address and prefix of the default bridge"),
    short('b', same("bridge", Text, Honoured, "Attach containers to a network bridge")),
    same("bridge-accept-fwmark", Text, EMPTY, "Accept bridged packets with this firewall mark"),
    opt("cdi-spec-dir", "cdi-spec-dirs", List, Honoured, "CDI specification directories to use"),
    same("cgroup-parent", Text, Honoured, "Set parent cgroup for all containers"),
    same("containerd", Text, Neutral, "Without effect: there is no containerd"),
    same("containerd-namespace", Text, Neutral, "Without effect: there is no containerd"),
    opt("containerd-plugins-namespace", "containerd-plugin-namespace", Text, Neutral, "Without effect: there is no containerd"),
    same("cpu-rt-period", Int, ZERO, "Limit the CPU real-time period in microseconds of the parent cgroup"),
    same("cpu-rt-runtime", Int, ZERO, "Limit the CPU real-time runtime in microseconds of the parent cgroup"),
    same("cri-containerd", Bool, OFF, "Start containerd with CRI"),
    same("data-root", Text, Honoured, "Root directory of persistent state"),
    short('D', same("debug", Bool, Honoured, "Enable debug mode")),
    opt("default-address-pool", "default-address-pools", Pools, Honoured, "Default address pools for local networks"),
    same("default-cgroupns-mode", Text, Honoured, "Default mode for containers' cgroup namespace"),
    same("default-gateway", Text, Honoured, "Default gateway IPv4 address of the default bridge"),
    same("default-gateway-v6", Text, EMPTY, "Default gateway IPv6 address of the default bridge"),
    same("default-ipc-mode", Text, Honoured, "Default mode for containers' IPC (\"shareable\" | \"private\")"),
    opt("default-network-opt", "default-network-opts", NetworkOpts, Only(&["map[]"]), "Default network options"),
    same("default-runtime", Text, Honoured, "Default OCI runtime for containers"),
    same("default-shm-size", Size, Honoured, "Default size of /dev/shm"),
    opt("default-ulimit", "default-ulimits", Ulimits, Honoured, "Default ulimits for containers"),
    same("dns", List, Honoured, "DNS server to use"),
    opt("dns-opt", "dns-opts", List, Honoured, "DNS options to use"),
    same("dns-search", List, Honoured, "DNS search domains to use"),
    opt("exec-opt", "exec-opts", List, Only(&["[]", "[native.cgroupdriver=cgroupfs]"]), "Runtime execution options"),
    same("exec-root", Text, Honoured, "Root directory for execution state files"),
    same("experimental", Bool, Neutral, "Enable experimental features"),
    opt("feature", "features", Switches, Neutral, "Enable a feature"),
    same("firewall-backend", Text, Only(&["", "nftables"]), "Firewall backend to use"),
    same("fixed-cidr", Text, Honoured, "IPv4 subnet for fixed IPs"),
    same("fixed-cidr-v6", Text, Honoured, "IPv6 subnet for fixed IPs"),
    short('G', same("group", Text, Honoured, "Group for the unix socket")),
    short('H', opt("host", "hosts", List, Honoured, "Daemon socket(s) to connect to")),
    opt("host-gateway-ip", "host-gateway-ips", List, Honoured, "IP addresses that 'host-gateway' in --add-host resolves to"),
    same("http-proxy", Text, EMPTY, "HTTP proxy for outgoing traffic; the environment's is honoured"),
    same("https-proxy", Text, EMPTY, "HTTPS proxy for outgoing traffic; the environment's is honoured"),
    same("icc", Bool, Honoured, "Enable inter-container communication"),
    same("init", Bool, Honoured, "Run an init in containers to forward signals and reap processes"),
    same("init-path", Text, Honoured, "Path to the init executable"),
    opt("insecure-registry", "insecure-registries", List, Honoured, "Enable insecure registry communication"),
    same("ip", Text, Honoured, "Default address when binding container ports"),
    same("ip-forward", Bool, Honoured, "Enable IP forwarding in the kernel"),
    same("ip-forward-no-drop", Bool, Neutral, "Do not set the policy of the FORWARD chain; it is never set"),
    same("ip-masq", Bool, Honoured, "Enable IP masquerading"),
    same("ip6tables", Bool, Neutral, "Follows --iptables"),
    same("iptables", Bool, Honoured, "Program the packet filter"),
    same("ipv6", Bool, Honoured, "Enable IPv6 on the default bridge"),
    opt("label", "labels", List, Honoured, "Set key=value labels to the daemon"),
    same("live-restore", Bool, Neutral, "Containers run on while the daemon is down: always on"),
    same("log-driver", Text, Honoured, "Default driver for container logs"),
    same("log-format", Text, Honoured, "Set the logging format (\"text\"|\"json\")"),
    short('l', same("log-level", Text, Honoured, "Set the logging level (\"debug\"|\"info\"|\"warn\"|\"error\"|\"fatal\")")),
    opt("log-opt", "log-opts", Map, Honoured, "Default log driver options for containers"),
    same("max-concurrent-downloads", Int, Neutral, "Set the max concurrent downloads"),
    same("max-concurrent-uploads", Int, Neutral, "Set the max concurrent uploads"),
    same("max-download-attempts", Int, Neutral, "Set the max download attempts for each pull"),
    same("metrics-addr", Text, EMPTY, "Address and port to serve the metrics on"),
    same("mtu", Int, Honoured, "Set the MTU of the default bridge; that of the uplink if not given"),
    same("network-control-plane-mtu", Int, Neutral, "MTU of the cluster's control plane"),
    same("no-new-privileges", Bool, OFF, "Set no-new-privileges by default for new containers"),
    same("no-proxy", Text, EMPTY, "Hosts for which the proxy is skipped"),
    opt("node-generic-resource", "node-generic-resources", List, NONE, "Advertise user-defined resource"),
    same("oom-score-adjust", Int, ZERO, "Obsolete"),
    short('p', same("pidfile", Text, Honoured, "Path to use for daemon PID file")),
    same("raw-logs", Bool, Honoured, "Full timestamps without ANSI coloring"),
    opt("registry-mirror", "registry-mirrors", List, Honoured, "Preferred registry mirror"),
    same("rootless", Bool, OFF, "Enable rootless mode"),
    same("seccomp-profile", Text, Only(&["", "builtin"]), "Path to seccomp profile"),
    same("selinux-enabled", Bool, OFF, "Enable SELinux support"),
    same("shutdown-timeout", Int, Honoured, "Seconds that requests are given to end at shutdown"),
    short('s', same("storage-driver", Text, Honoured, "Storage driver to use")),
    opt("storage-opt", "storage-opts", List, NONE, "Storage driver options"),
    same("swarm-default-advertise-addr", Text, EMPTY, "Default address or interface for swarm advertised address"),
    same("tls", Bool, Honoured, "Use TLS; implied by --tlsverify"),
    same("tlscacert", Text, Honoured, "Trust certs signed only by this CA"),
    same("tlscert", Text, Honoured, "Path to TLS certificate file"),
    same("tlskey", Text, Honoured, "Path to TLS key file"),
    same("tlsverify", Bool, Honoured, "Use TLS and verify the remote"),
    same("userland-proxy", Bool, Honoured, "Carry loopback traffic to published ports where the kernel cannot"),
    same("userland-proxy-path", Text, Neutral, "Without effect: the proxy is built in"),
    same("userns-remap", Text, Honoured, "User/Group setting for user namespaces"),
    // Keys without a flag.
    opt("", "builder", Object, Neutral, ""),
    opt("", "host-gateway-ip", Text, Honoured, ""),
    opt("", "min-api-version", Text, Only(&["", "1.24"]), ""),
    opt("", "iptables-forward-policy", Text, Neutral, ""),
];

/// The option of a key in the file.
pub(super) fn by_key(key: &str) -> Option<&'static Opt> {
    OPTIONS.iter().find(|opt| opt.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique() {
        let flags: Vec<_> = OPTIONS.iter().map(|opt| opt.flag).filter(|flag| !flag.is_empty()).collect();
        assert_eq!(flags.iter().collect::<BTreeSet<_>>().len(), flags.len());
        let keys: Vec<_> = OPTIONS.iter().map(|opt| opt.key).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        let shorts: Vec<_> = OPTIONS.iter().filter_map(|opt| opt.short).collect();
        assert_eq!(shorts.iter().collect::<BTreeSet<_>>().len(), shorts.len());
    }
}
