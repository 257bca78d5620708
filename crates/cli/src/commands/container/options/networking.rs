//! How the container is connected.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};
use clap::Args;
use teu_api::container::{CreateRequest, PortMap};
use teu_api::network::{EndpointIpamConfig, EndpointSettings, NetworkingConfig};

use super::{host, some};
use crate::opts::network::{self, Attachment};
use crate::opts::{hosts, keyvalue, ports};

#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(super) struct Networking {
    /// Add a custom host-to-IP mapping (host:ip)
    #[arg(long, value_name = "list", value_parser = hosts::extra_host)]
    add_host: Vec<String>,
    /// Set custom DNS servers
    #[arg(long, value_name = "list", value_parser = hosts::ip_address)]
    dns: Vec<String>,
    /// Set DNS options
    #[arg(long, alias = "dns-opt", value_name = "list")]
    dns_option: Vec<String>,
    /// Set custom DNS search domains
    #[arg(long, value_name = "list", value_parser = hosts::dns_search)]
    dns_search: Vec<String>,
    /// Expose a port or a range of ports
    #[arg(long, value_name = "list")]
    expose: Vec<String>,
    /// IPv4 address (e.g., 172.30.100.104)
    #[arg(long, value_name = "string", default_value = "")]
    ip: String,
    /// IPv6 address (e.g., 2001:db8::33)
    #[arg(long, value_name = "string", default_value = "")]
    ip6: String,
    /// Add link to another container
    #[arg(long, value_name = "list", value_parser = keyvalue::link)]
    link: Vec<String>,
    /// Container IPv4/IPv6 link-local addresses
    #[arg(long, value_name = "list")]
    link_local_ip: Vec<String>,
    /// Container MAC address (e.g., 92:d0:c6:0a:29:33)
    #[arg(long, value_name = "string", default_value = "")]
    mac_address: String,
    /// Connect a container to a network
    #[arg(long, alias = "net", value_name = "network", value_parser = network::parse)]
    network: Vec<Attachment>,
    /// Add network-scoped alias for the container
    #[arg(long, alias = "net-alias", value_name = "list")]
    network_alias: Vec<String>,
    /// Publish a container's port(s) to the host
    #[arg(short, long, value_name = "list")]
    publish: Vec<String>,
    /// Publish all exposed ports to random ports
    #[arg(short = 'P', long)]
    publish_all: bool,
}

/// What a container is connected to when nothing is said.
const DEFAULT: &str = "default";

impl Networking {
    pub(super) fn apply(mut self, request: &mut CreateRequest) -> anyhow::Result<()> {
        let mut bindings = PortMap::new();
        for spec in &self.publish {
            ports::publish(spec, &mut bindings)?;
        }
        let mut exposed: Vec<String> = bindings.keys().cloned().collect();
        for spec in &self.expose {
            exposed.extend(ports::expose(spec)?);
        }
        if !self.mac_address.is_empty() && !hosts::is_mac_address(self.mac_address.trim()) {
            bail!("{} is not a valid mac address", self.mac_address);
        }
        let attachments = self.attachments()?;
        let mode = attachments.first().map_or(DEFAULT, |attachment| attachment.target.as_str()).to_owned();
        let endpoints = endpoints(attachments)?;

        request.networking_config = Some(NetworkingConfig { endpoints_config: Some(endpoints) });
        if !exposed.is_empty() {
            request.config.exposed_ports = Some(exposed.into_iter().map(|port| (port, Default::default())).collect());
        }
        let host = host(request);
        host.network_mode = mode;
        host.port_bindings = Some(bindings);
        host.publish_all_ports = self.publish_all;
        // Empty lists, not nothing: `inspect` shows them as Docker's command line sends them.
        host.dns = Some(self.dns);
        host.dns_options = Some(self.dns_option);
        host.dns_search = Some(self.dns_search);
        host.extra_hosts = some(self.add_host);
        host.links = some(self.link);
        Ok(())
    }

    /// The networks to join. Flags about "the" network belong to the first.
    fn attachments(&mut self) -> anyhow::Result<Vec<Attachment>> {
        let mut attachments = std::mem::take(&mut self.network);
        let count = attachments.len();
        if count > 1 && attachments.iter().any(|attachment| !is_user_defined(&attachment.target)) {
            bail!("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
        }
        for (index, attachment) in attachments.iter().enumerate() {
            if attachments[..index].iter().any(|earlier| earlier.target == attachment.target) {
                bail!("network {:?} is specified multiple times", attachment.target);
            }
        }
        if attachments.is_empty() {
            attachments.push(Attachment { target: DEFAULT.to_owned(), ..Attachment::default() });
        }
        self.complete(&mut attachments[0])?;
        Ok(attachments)
    }

    fn complete(&self, first: &mut Attachment) -> anyhow::Result<()> {
        let both = |flag: &str, what: &str| {
            anyhow!("conflicting options: cannot specify both --{flag} and per-network {what}")
        };
        if !self.network_alias.is_empty() {
            if !first.aliases.is_empty() {
                return Err(both("network-alias", "alias"));
            }
            first.aliases.clone_from(&self.network_alias);
        }
        // Elsewhere links are a matter of the host configuration alone.
        if !self.link.is_empty() && is_user_defined(&first.target) {
            if !first.links.is_empty() {
                return Err(both("link", "links"));
            }
            first.links.clone_from(&self.link);
        }
        for (flag, value, own, what) in [
            ("ip", &self.ip, &mut first.ipv4, "IPv4 address"),
            ("ip6", &self.ip6, &mut first.ipv6, "IPv6 address"),
            ("mac-address", &self.mac_address, &mut first.mac, "MAC address"),
        ] {
            if value.is_empty() {
                continue;
            }
            if !own.is_empty() {
                return Err(both(flag, what));
            }
            own.clone_from(value);
        }
        if !self.link_local_ip.is_empty() {
            if !first.link_local.is_empty() {
                return Err(both("link-local-ip", "link-local IP addresses"));
            }
            first.link_local.clone_from(&self.link_local_ip);
        }
        Ok(())
    }
}

/// Whether this names a network that somebody made, rather than a mode.
fn is_user_defined(mode: &str) -> bool {
    !matches!(mode, "" | DEFAULT | "bridge" | "host" | "none") && !mode.starts_with("container:")
}

/// Endpoints of the networks about which something was said, and of all user-defined ones.
fn endpoints(attachments: Vec<Attachment>) -> anyhow::Result<BTreeMap<String, Option<EndpointSettings>>> {
    let mut endpoints = BTreeMap::new();
    for attachment in attachments {
        let target = attachment.target.clone();
        let settings = endpoint(attachment)?;
        if settings != EndpointSettings::default() || target == DEFAULT || is_user_defined(&target) {
            endpoints.insert(target, Some(settings));
        }
    }
    Ok(endpoints)
}

fn endpoint(attachment: Attachment) -> anyhow::Result<EndpointSettings> {
    let Attachment { target, ipv4, ipv6, link_local, mac, .. } = attachment;
    if target.is_empty() {
        bail!("no name set for network");
    }
    if !is_user_defined(&target) && !attachment.aliases.is_empty() {
        bail!("network-scoped aliases are only supported for user-defined networks");
    }
    if !mac.is_empty() && !hosts::is_mac_address(&mac) {
        bail!("{mac} is not a valid mac address");
    }
    let ipam = EndpointIpamConfig { ipv4_address: ipv4, ipv6_address: ipv6, link_local_ips: some(link_local) };
    Ok(EndpointSettings {
        ipam_config: Some(ipam).filter(|ipam| *ipam != EndpointIpamConfig::default()),
        links: some(attachment.links),
        aliases: some(attachment.aliases),
        mac_address: mac,
        driver_opts: Some(attachment.driver_options).filter(|options| !options.is_empty()),
        gw_priority: Some(attachment.gateway_priority).filter(|priority| *priority != 0),
        ..EndpointSettings::default()
    })
}
