//! What an administrator should know about the networks.

use super::Networks;
use crate::pool::lock;
use crate::reach::Reach;
use crate::{Config, DriverKind, NetworkRecord, Subnet, driver, host, predefined};

impl Networks {
    /// What an administrator should know, for `info`: one sentence each. Reads the packet filter of others, and the host's
    /// addresses and routes.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = lock(&self.inner.warnings).clone();
        let bridge = &self.inner.config.bridge;
        warnings.extend(self.inner.firewall.dropping_chains().into_iter().map(|chain| {
            format!(
                "WARNING: {chain} drops forwarded packets that it does not know (Docker sets it up so), and no other \
                 table can overrule it: containers on {bridge} cannot reach the outside, nor the outside their \
                 published ports, until packets from and to {bridge} are accepted there, for instance by \
                 \"iptables -I DOCKER-USER -i {bridge} -j ACCEPT\" and the same with -o"
            )
        }));
        warnings.extend(self.rivals());
        warnings
    }

    /// Networks whose packets others take.
    fn rivals(&self) -> Vec<String> {
        let reach =
            Reach::read().inspect_err(|error| tracing::warn!(%error, "cannot tell who else has a network's subnet"));
        let Ok(reach) = reach else { return Vec::new() };
        let networks = self.inner.networks();
        let bridges = networks.iter().map(|n| &n.record).filter(|r| r.driver == DriverKind::Bridge);
        let warn = |record: &NetworkRecord| {
            let bridge = driver::device_name(record);
            let rival_of = |subnet: Subnet| Some((subnet, reach.rival(&bridge, subnet)?));
            let (subnet, rival) = record.ipam.iter().find_map(|i| rival_of(i.subnet))?;
            let out = match (predefined::is_predefined(&record.name), subnet.is_ipv6()) {
                (true, false) => "the daemon is given others by --bip",
                (true, true) => "the daemon is given others by --bip6",
                (false, _) => "the network is removed and created with another --subnet",
            };
            Some(format!(
                "WARNING: {rival} has addresses of network {}: its containers and their published ports may be out of \
                 reach until {out}",
                record.name
            ))
        };
        bridges.filter_map(warn).collect()
    }
}

/// Switches forwarding on if allowed, and says what became of it.
pub(super) fn forwarding(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.ip_forward {
        match host::enable_forwarding(config.ipv6) {
            Ok(true) => {}
            Ok(false) => tracing::info!("IP forwarding was off and is on now"),
            Err(error) => tracing::warn!(%error, "cannot switch IP forwarding on"),
        }
    }
    if !host::forwards(false) {
        warnings.push("WARNING: IPv4 forwarding is disabled".to_owned());
    }
    if config.ipv6 && !host::forwards(true) {
        warnings.push("WARNING: IPv6 forwarding is disabled".to_owned());
    }
    warnings
}
