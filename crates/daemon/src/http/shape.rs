//! What answers look like in versions before the newest, as far as several routes have it in common.

use std::collections::BTreeMap;

use teu_api::container::{CreateRequest as CreateContainer, Inspect, Summary};
use teu_api::network::{CreateRequest, EndpointSettings, Network};
use teu_api::system::Info;
use teu_api::version::ApiVersion;

/// First version with priorities of gateways, and with networks that have no IPv4.
const GATEWAY_PRIORITIES: ApiVersion = ApiVersion { major: 1, minor: 48 };

/// First version in which a container's id is among the names of its DNS, no more among the aliases.
const NAMES_APART: ApiVersion = ApiVersion { major: 1, minor: 45 };

/// First version in which a container may be on several networks from the start.
const SEVERAL_NETWORKS: ApiVersion = ApiVersion { major: 1, minor: 44 };

/// First version that says nothing of limits to kernel memory.
const KERNEL_MEMORY_GONE: ApiVersion = ApiVersion { major: 1, minor: 42 };

/// First version whose security options are lists of properties.
const SECURITY_PROPERTIES: ApiVersion = ApiVersion { major: 1, minor: 25 };

fn endpoints(all: &mut BTreeMap<String, EndpointSettings>, version: ApiVersion) {
    for endpoint in all.values_mut() {
        endpoint.gw_priority = (version >= GATEWAY_PRIORITIES).then(|| endpoint.gw_priority.unwrap_or_default());
    }
}

/// A container that is inspected.
pub(super) fn inspect(mut container: Inspect, version: ApiVersion) -> Inspect {
    endpoints(&mut container.network_settings.networks, version);
    if version < NAMES_APART {
        let own = [container.id.get(..12).unwrap_or_default().to_owned(), container.config.hostname.clone()];
        let networks = container.network_settings.networks.iter_mut();
        let with_names = networks.filter(|(network, _)| !matches!(network.as_str(), "bridge" | "host" | "none"));
        with_names.for_each(|(_, endpoint)| name_as_before(endpoint, &own));
    }
    container
}

/// On networks with names a container's own were aliases.
fn name_as_before(endpoint: &mut EndpointSettings, own: &[String]) {
    let aliases = endpoint.aliases.get_or_insert_default();
    for name in own.iter().filter(|name| !name.is_empty()) {
        if !aliases.contains(name) {
            aliases.push(name.clone());
        }
    }
}

/// Refuses networks beside the first, as it was before.
pub(super) fn create_request(request: &CreateContainer, version: ApiVersion) -> Result<(), String> {
    let config = request.networking_config.as_ref().and_then(|config| config.endpoints_config.as_ref());
    let Some(networks) = config.filter(|networks| version < SEVERAL_NETWORKS && networks.len() > 1) else {
        return Ok(());
    };
    let names: Vec<&str> = networks.keys().map(String::as_str).collect();
    Err(format!("Container cannot be created with multiple network endpoints: {}", names.join(", ")))
}

/// Containers of a list.
pub(super) fn summaries(mut containers: Vec<Summary>, version: ApiVersion) -> Vec<Summary> {
    for container in &mut containers {
        endpoints(&mut container.network_settings.networks, version);
    }
    containers
}

/// A network.
pub(super) fn network(mut network: Network, version: ApiVersion) -> Network {
    network.enable_ipv4 = network.enable_ipv4.filter(|_| version >= GATEWAY_PRIORITIES);
    network
}

/// A network to be made.
pub(super) fn network_request(mut request: CreateRequest, version: ApiVersion) -> CreateRequest {
    request.enable_ipv4 = request.enable_ipv4.filter(|_| version >= GATEWAY_PRIORITIES);
    request
}

/// What the engine says of itself.
pub(super) fn info(mut info: Info, version: ApiVersion) -> Info {
    // Where TCP buffers can be limited (cgroup v1), all of the kernel's memory could be.
    info.kernel_memory = version < KERNEL_MEMORY_GONE && info.kernel_memory_tcp;
    if version < SECURITY_PROPERTIES {
        "<not supported>".clone_into(&mut info.execution_driver);
        let names = info.security_options.iter().filter_map(|option| option.strip_prefix("name="));
        info.security_options = names.map(|name| name.split(',').next().unwrap_or_default().to_owned()).collect();
    }
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn version(minor: u16) -> ApiVersion {
        ApiVersion { major: 1, minor }
    }

    #[test]
    fn priorities_of_gateways_came_late() {
        let shown = |minor| {
            let mut all = BTreeMap::from([("bridge".to_owned(), EndpointSettings::default())]);
            endpoints(&mut all, version(minor));
            serde_json::to_value(all).expect("JSON")["bridge"].get("GwPriority").cloned()
        };
        assert_eq!(shown(47), None);
        assert_eq!(shown(48), Some(0.into()));
    }

    #[test]
    fn own_names_were_aliases() {
        let shown = |minor| {
            let mut container = Inspect { id: "0123456789abcdef".to_owned(), ..Inspect::default() };
            container.config.hostname = "web".to_owned();
            for network in ["bridge", "front"] {
                let endpoint =
                    EndpointSettings { aliases: Some(vec!["web".to_owned()]), ..EndpointSettings::default() };
                container.network_settings.networks.insert(network.to_owned(), endpoint);
            }
            inspect(container, version(minor)).network_settings.networks["front"].aliases.clone()
        };
        assert_eq!(shown(44).unwrap_or_default(), ["web", "0123456789ab"]);
        assert_eq!(shown(45).unwrap_or_default(), ["web"]);
    }

    #[test]
    fn one_network_was_all() {
        let networks = ["a", "b"].map(|name| (name.to_owned(), None)).into();
        let config = teu_api::network::NetworkingConfig { endpoints_config: Some(networks) };
        let request = CreateContainer { networking_config: Some(config), ..CreateContainer::default() };
        let text = "Container cannot be created with multiple network endpoints: a, b";
        assert_eq!(create_request(&request, version(43)).unwrap_err(), text);
        assert!(create_request(&request, version(44)).is_ok());
    }

    #[test]
    fn info_told_more_once() {
        let options = vec!["name=seccomp,profile=builtin".to_owned(), "name=apparmor".to_owned()];
        let now = Info { kernel_memory_tcp: true, security_options: options.clone(), ..Info::default() };
        let old = info(now.clone(), version(24));
        assert_eq!(old.security_options, ["seccomp", "apparmor"]);
        assert_eq!((old.kernel_memory, old.execution_driver.as_str()), (true, "<not supported>"));
        let new = info(now, version(42));
        assert_eq!((new.kernel_memory, new.execution_driver.as_str()), (false, ""));
        assert_eq!(new.security_options, options);
    }
}
