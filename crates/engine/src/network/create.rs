//! `network create`.

use std::collections::BTreeMap;

use teu_api::network::{CreateRequest, CreateResponse};
use teu_network::{NetworkRecord, NetworkSpec, option};

use super::{blocking, ipam};
use crate::{Engine, Error};

/// Options of Docker's driver that are not built, with the value that changes nothing.
const UNBUILT: [(&str, &str); 8] = [
    ("com.docker.network.bridge.gateway_mode_ipv4", "nat"),
    ("com.docker.network.bridge.gateway_mode_ipv6", "nat"),
    ("com.docker.network.bridge.inhibit_ipv4", "false"),
    ("com.docker.network.bridge.trusted_host_interfaces", ""),
    ("com.docker.network.container_iface_prefix", "eth"),
    ("com.docker.network.host_ipv4", ""),
    ("com.docker.network.host_ipv6", ""),
    ("com.docker.network.bridge.default_bridge", "false"),
];

/// Options that are true or false.
const SWITCHES: [&str; 2] = [option::ICC, option::MASQUERADE];

impl Engine {
    /// Makes a network.
    ///
    /// # Errors
    /// The name is taken or not allowed; the driver is not built; subnets or options that make no sense, or are in use.
    pub async fn network_create(&self, request: CreateRequest) -> Result<CreateResponse, Error> {
        let networks = self.networks()?;
        let spec = spec(request)?;
        let engine = self.clone();
        let record: NetworkRecord = blocking(move || {
            let record = networks.create(spec)?;
            // What is not stored is not there after the next start: better to say so now.
            engine.save_networks().inspect_err(|_| drop(networks.remove(&record.id)))?;
            Ok(record)
        })
        .await?;
        self.network_event("create", &record);
        Ok(CreateResponse { id: record.id, warning: String::new() })
    }
}

fn spec(request: CreateRequest) -> Result<NetworkSpec, Error> {
    if request.name.trim().is_empty() {
        return Err(Error::Invalid(format!("invalid name: {}", request.name)));
    }
    if matches!(request.name.as_str(), "bridge" | "host" | "none" | "default") {
        let text = format!("operation is not permitted on predefined {} network ", request.name);
        return Err(Error::Forbidden(text));
    }
    driver(&request)?;
    let (ipv4, ipv6) = (request.enable_ipv4.unwrap_or(true), request.enable_ipv6.unwrap_or(false));
    if !ipv4 && !ipv6 {
        return Err(Error::Invalid("IPv4 or IPv6 must be enabled".to_owned()));
    }
    let management = request.ipam.unwrap_or_default();
    if !matches!(management.driver.as_str(), "" | "default") {
        return Err(Error::NotFound(format!("plugin {:?} not found", management.driver)));
    }
    Ok(NetworkSpec {
        enable_ipv4: ipv4,
        enable_ipv6: ipv6,
        internal: request.internal,
        attachable: request.attachable,
        ipam: ipam::subnets(management.config.as_deref().unwrap_or_default(), ipv6)?,
        ipam_options: management.options,
        options: options(request.options.unwrap_or_default())?,
        labels: request.labels.unwrap_or_default(),
        ..NetworkSpec::new(request.name)
    })
}

/// Refuses what is not a bridge of this machine.
fn driver(request: &CreateRequest) -> Result<(), Error> {
    let unbuilt = |what: &str| Err(Error::Unsupported(what.to_owned()));
    if request.ingress {
        return unbuilt("an ingress network");
    }
    if request.config_only || request.config_from.as_ref().is_some_and(|from| !from.network.is_empty()) {
        return unbuilt("a network's configuration apart from the network");
    }
    if matches!(request.scope.as_str(), "swarm" | "global") {
        return unbuilt("a network of a cluster");
    }
    match request.driver.as_str() {
        "" | "default" | "bridge" => Ok(()),
        only @ ("host" | "null") => Err(Error::Forbidden(format!("only one instance of {only:?} network is allowed"))),
        unbuilt @ ("macvlan" | "ipvlan" | "overlay") => {
            Err(Error::Unsupported(format!("the network driver {unbuilt:?}")))
        }
        other => Err(Error::NotFound(format!("plugin {other:?} not found"))),
    }
}

/// The driver's options, in the form in which they are read. Those of other programs are kept and told.
fn options(mut all: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> {
    let wrong = |key: &str, value: &str, why: String| {
        Err(Error::Invalid(format!("failed to parse {key} value: {value} ({why})")))
    };
    for (key, harmless) in UNBUILT {
        if all.get(key).is_some_and(|value| value != harmless) {
            return Err(Error::Unsupported(format!("the network option {key}={}", all[key])));
        }
    }
    for key in SWITCHES {
        if let Some(value) = all.get_mut(key) {
            match switch(value) {
                Some(on) => *value = on.to_string(),
                None => return wrong(key, value, format!("strconv.ParseBool: parsing {value:?}: invalid syntax")),
            }
        }
    }
    if let Some(value) = all.get(option::MTU)
        && value.parse::<u32>().is_err()
    {
        return wrong(option::MTU, value, format!("strconv.Atoi: parsing {value:?}: invalid syntax"));
    }
    if let Some(value) = all.get(option::HOST_BINDING)
        && value.parse::<std::net::IpAddr>().is_err()
    {
        return wrong(option::HOST_BINDING, value, "invalid ip".to_owned());
    }
    // Docker takes an empty name for none.
    if all.get(option::BRIDGE_NAME).is_some_and(String::is_empty) {
        all.remove(option::BRIDGE_NAME);
    }
    Ok(all)
}

/// What Go takes for true and false.
fn switch(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> CreateRequest {
        CreateRequest { name: name.to_owned(), ..CreateRequest::default() }
    }

    fn refused(request: CreateRequest) -> (crate::Kind, String) {
        let error = spec(request).expect_err("refused");
        (error.kind(), error.to_string())
    }

    #[test]
    fn names_and_drivers() {
        use crate::Kind::{Forbidden, InvalidParameter, NotFound, NotImplemented};
        assert_eq!(refused(named(" ")), (InvalidParameter, "invalid name:  ".to_owned()));
        let text = "operation is not permitted on predefined bridge network ";
        assert_eq!(refused(named("bridge")), (Forbidden, text.to_owned()));
        for (driver, kind, text) in [
            ("foo", NotFound, "plugin \"foo\" not found"),
            ("host", Forbidden, "only one instance of \"host\" network is allowed"),
            ("macvlan", NotImplemented, "the network driver \"macvlan\" is not supported yet"),
        ] {
            let request = CreateRequest { driver: driver.to_owned(), ..named("a") };
            assert_eq!(refused(request), (kind, text.to_owned()));
        }
        let neither = CreateRequest { enable_ipv4: Some(false), ..named("a") };
        assert_eq!(refused(neither).1, "IPv4 or IPv6 must be enabled");
        assert!(spec(named("a b")).is_ok());
    }

    #[test]
    fn options_are_verified() {
        let with = |key: &str, value: &str| options([(key.to_owned(), value.to_owned())].into());
        assert_eq!(with(option::ICC, "0").expect("good")[option::ICC], "false");
        assert_eq!(with("foo", "bar").expect("kept")["foo"], "bar");
        let text = |key: &str, value: &str| with(key, value).expect_err("refused").to_string();
        assert_eq!(
            text(option::MTU, "x"),
            "failed to parse com.docker.network.driver.mtu value: x (strconv.Atoi: parsing \"x\": invalid syntax)"
        );
        assert!(text(option::MASQUERADE, "maybe").contains("strconv.ParseBool"));
        assert!(text("com.docker.network.bridge.gateway_mode_ipv4", "routed").ends_with("is not supported yet"));
        assert!(with("com.docker.network.bridge.gateway_mode_ipv4", "nat").is_ok());
    }
}
