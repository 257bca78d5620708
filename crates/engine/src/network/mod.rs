//! Networks, as clients see them; the networks themselves are `teu-network`.

mod inspect;
mod list;
mod prune;

use jiff::Timestamp;
use teu_api::network::{Ipam, IpamConfig, Network, NetworkContainer};
use teu_network::{EndpointInfo, IpamSubnet, NetworkInfo};

use crate::time;

/// A network in the API's form.
fn shown(info: NetworkInfo) -> Network {
    let record = info.record;
    let created = Timestamp::from_nanosecond(i128::from(record.created)).ok();
    Network {
        name: record.name,
        id: record.id,
        created: time::show(created),
        scope: "local".to_owned(),
        driver: record.driver.to_string(),
        enable_ipv4: Some(true),
        enable_ipv6: record.enable_ipv6,
        ipam: Ipam {
            driver: "default".to_owned(),
            options: None,
            config: (!record.ipam.is_empty()).then(|| record.ipam.iter().map(subnet).collect()),
        },
        internal: record.internal,
        containers: info.containers.into_iter().map(container).collect(),
        options: record.options,
        labels: record.labels,
        ..Network::default()
    }
}

fn subnet(row: &IpamSubnet) -> IpamConfig {
    IpamConfig {
        subnet: row.subnet.to_string(),
        ip_range: row.range.map(|r| r.to_string()).unwrap_or_default(),
        gateway: row.gateway.map(|g| g.to_string()).unwrap_or_default(),
        auxiliary_addresses: None,
    }
}

fn container(endpoint: EndpointInfo) -> (String, NetworkContainer) {
    let text = |subnet: Option<teu_network::Subnet>| subnet.map(|s| s.to_string()).unwrap_or_default();
    let shown = NetworkContainer {
        name: endpoint.name,
        endpoint_id: endpoint.endpoint,
        mac_address: endpoint.mac.map(|mac| mac.to_string()).unwrap_or_default(),
        ipv4_address: text(endpoint.ipv4),
        ipv6_address: text(endpoint.ipv6),
    };
    (endpoint.container, shown)
}
