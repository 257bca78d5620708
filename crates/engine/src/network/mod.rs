//! Networks, as clients see them; the networks themselves are `teu-network`.

mod connect;
mod create;
mod inspect;
mod ipam;
mod list;
mod prune;
mod remove;

use std::collections::BTreeMap;

use jiff::Timestamp;
use teu_api::network::{Ipam, IpamConfig, Network, NetworkContainer};
use teu_network::{EndpointInfo, IpamSubnet, NetworkInfo, NetworkRecord};

use crate::events::Subject;
use crate::{Engine, Error, time};

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
        enable_ipv4: Some(record.enable_ipv4),
        enable_ipv6: record.enable_ipv6,
        ipam: Ipam {
            driver: "default".to_owned(),
            options: record.ipam_options,
            config: (!record.ipam.is_empty()).then(|| record.ipam.iter().map(subnet).collect()),
        },
        internal: record.internal,
        attachable: record.attachable,
        containers: info.containers.into_iter().map(container).collect(),
        options: record.options,
        labels: record.labels,
        ..Network::default()
    }
}

fn subnet(row: &IpamSubnet) -> IpamConfig {
    let auxiliary = row.auxiliary.iter().map(|(name, address)| (name.clone(), address.to_string())).collect();
    IpamConfig {
        subnet: row.subnet.to_string(),
        ip_range: row.range.map(|r| r.to_string()).unwrap_or_default(),
        gateway: row.gateway.map(|g| g.to_string()).unwrap_or_default(),
        auxiliary_addresses: Some(auxiliary).filter(|all: &BTreeMap<String, String>| !all.is_empty()),
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

impl Engine {
    /// Publishes that a network was made or is gone.
    fn network_event(&self, action: &str, network: &NetworkRecord) {
        let attributes = BTreeMap::from([
            ("name".to_owned(), network.name.clone()),
            ("type".to_owned(), network.driver.to_string()),
        ]);
        self.events().publish(Subject::Network, action, &network.id, attributes);
    }
}

/// Runs what blocks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Part { part: "network", message: e.to_string() })?
}
