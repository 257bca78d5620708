//! A container's networks and ports, as clients see them.

use std::collections::BTreeMap;

use teu_api::container::{NetworkSettings, Port, PortBinding, PortMap};
use teu_api::network::EndpointSettings;
use teu_network::{DriverKind, Endpoint};

use super::handle::View;
use super::{membership, ports};

/// `NetworkSettings` of inspect.
pub(super) fn settings(view: &View) -> NetworkSettings {
    let networks = endpoints(view);
    if view.endpoints.is_empty() {
        return NetworkSettings { networks, ..NetworkSettings::default() };
    }
    let mut settings = NetworkSettings {
        sandbox_id: view.definition.id.clone(),
        sandbox_key: view.state.run().map(|run| format!("/proc/{}/ns/net", run.pid)).unwrap_or_default(),
        ports: port_map(view),
        networks,
        ..NetworkSettings::default()
    };
    // The flat fields repeat the default bridge's.
    if let Some(endpoint) = view.endpoints.iter().find(|endpoint| endpoint.network == "bridge") {
        let own = filled(endpoint, EndpointSettings::default());
        settings.endpoint_id = own.endpoint_id;
        settings.gateway = own.gateway;
        settings.ip_address = own.ip_address;
        settings.ip_prefix_len = own.ip_prefix_len;
        settings.ipv6_gateway = own.ipv6_gateway;
        settings.global_ipv6_address = own.global_ipv6_address;
        settings.global_ipv6_prefix_len = own.global_ipv6_prefix_len;
        settings.mac_address = own.mac_address;
    }
    settings
}

/// Endpoints by network name: what was asked for, and what was given while it runs.
pub(super) fn endpoints(view: &View) -> BTreeMap<String, EndpointSettings> {
    let asked =
        view.definition.endpoints.iter().map(|(network, asked)| (network.clone(), EndpointSettings::clone(asked)));
    let mut all: BTreeMap<_, _> = asked.collect();
    let has_run = view.state.last_exit().is_some();
    for (network, asked) in &mut all {
        if has_run {
            // The address that was asked for is told until the first run, then only the one in use.
            asked.mac_address.clear();
        }
        let given = view.endpoints.iter().find(|endpoint| endpoint.network == *network);
        if membership::has_names(network) && (has_run || given.is_some()) {
            asked.dns_names = Some(membership::names(&view.definition, asked));
        }
        if let Some(given) = given {
            *asked = filled(given, std::mem::take(asked));
        }
    }
    all
}

fn filled(endpoint: &Endpoint, asked: EndpointSettings) -> EndpointSettings {
    let text = |ip: Option<std::net::IpAddr>| ip.map(|ip| ip.to_string()).unwrap_or_default();
    EndpointSettings {
        network_id: endpoint.network_id.clone(),
        endpoint_id: endpoint.id.clone(),
        gateway: text(endpoint.gateway),
        ip_address: text(endpoint.ipv4.map(|s| s.address())),
        ip_prefix_len: endpoint.ipv4.map_or(0, |s| i64::from(s.prefix())),
        ipv6_gateway: text(endpoint.gateway6),
        global_ipv6_address: text(endpoint.ipv6.map(|s| s.address())),
        global_ipv6_prefix_len: endpoint.ipv6.map_or(0, |s| i64::from(s.prefix())),
        mac_address: endpoint.mac.map(|mac| mac.to_string()).unwrap_or_default(),
        ..asked
    }
}

/// Ports by container port: published ones with their host addresses, exposed ones with `null`.
fn port_map(view: &View) -> PortMap {
    let mut map = PortMap::new();
    if shares_host(view) {
        return map;
    }
    for spec in view.definition.config.exposed_ports.iter().flatten().map(|(spec, _)| spec) {
        map.insert(spec.clone(), None);
    }
    for port in view.endpoints.iter().flat_map(|e| &e.ports) {
        let binding = PortBinding { host_ip: port.host_ip.to_string(), host_port: port.host_port.to_string() };
        let spec = format!("{}/{}", port.container_port, port.protocol);
        map.entry(spec).or_default().get_or_insert_default().push(binding);
    }
    map
}

/// Ports of a list.
pub(super) fn port_list(view: &View) -> Vec<Port> {
    if view.endpoints.is_empty() || shares_host(view) {
        return Vec::new();
    }
    let mut list: Vec<Port> = Vec::new();
    for port in view.endpoints.iter().flat_map(|e| &e.ports) {
        list.push(Port {
            ip: port.host_ip.to_string(),
            private_port: port.container_port,
            public_port: port.host_port,
            protocol: port.protocol.to_string(),
        });
    }
    for spec in view.definition.config.exposed_ports.iter().flatten().map(|(spec, _)| spec) {
        let Ok((port, protocol)) = ports::container_port(spec) else { continue };
        let protocol = protocol.to_string();
        if !list.iter().any(|p| p.private_port == port && p.protocol == protocol) {
            list.push(Port { private_port: port, protocol, ..Port::default() });
        }
    }
    list
}

fn shares_host(view: &View) -> bool {
    view.endpoints.iter().any(|e| e.driver == DriverKind::Host)
}
