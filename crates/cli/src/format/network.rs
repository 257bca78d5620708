//! Networks in `network ls`.

use std::collections::BTreeMap;

use gotmpl::{Value, ValueFunc};
use teu_api::network::Network;

use super::row::{Method, Row, label_header, label_method, labels, text};
use super::time;

/// The columns of `network ls`.
pub(crate) const TABLE: &str = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}";

/// A network in a list.
pub(crate) struct NetworkRow {
    /// What the engine told.
    pub(crate) network: Network,
    /// Ids are shown short.
    pub(crate) truncate: bool,
}

impl NetworkRow {
    fn labels(&self) -> BTreeMap<String, String> {
        self.network.labels.clone()
    }
}

impl Row for NetworkRow {
    const GO_TYPE: &'static str = "*network.networkContext";
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("CreatedAt", "CREATED AT"),
        ("Driver", "DRIVER"),
        ("ID", "NETWORK ID"),
        ("IPv4", "IPV4"),
        ("IPv6", "IPV6"),
        ("Internal", "INTERNAL"),
        ("Labels", "LABELS"),
        ("Name", "NAME"),
        ("Scope", "SCOPE"),
    ];
    const METHODS: &'static [Method] = &[("Label", label_header)];

    fn field(&self, name: &str) -> Value {
        let network = &self.network;
        text(match name {
            "CreatedAt" => time::go_utc(&network.created),
            "Driver" => network.driver.clone(),
            "ID" if self.truncate => network.id.chars().take(12).collect(),
            "ID" => network.id.clone(),
            "IPv4" => network.enable_ipv4.unwrap_or(true).to_string(),
            "IPv6" => network.enable_ipv6.to_string(),
            "Internal" => network.internal.to_string(),
            "Labels" => labels(&self.labels()),
            "Name" => network.name.clone(),
            "Scope" => network.scope.clone(),
            _ => return Value::Nil,
        })
    }

    fn method(&self, _name: &str) -> ValueFunc {
        label_method(&self.labels())
    }
}
