//! Data for templates: rows of tables, and JSON as the engine sent it.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Value;

use super::kinds::{Kinds, address};
use crate::format::ordered;

/// Data for a template, with the knowledge of what kind each value is.
pub(crate) struct Data {
    pub(super) value: Value,
    pub(super) kinds: Kinds,
}

impl Data {
    /// A row of a table: fields by name, of the Go type `kind`; `{{json .}}` prints `json`.
    pub(crate) fn row(fields: BTreeMap<Arc<str>, Value>, kind: &'static str, json: String) -> Self {
        let mut kinds = Kinds::default();
        let value = Value::Map(Arc::new(fields));
        if let Some(address) = address(&value) {
            kinds.rows.insert(address, kind);
            kinds.json.insert(address, json);
        }
        Self { value, kinds }
    }

    /// An object as the engine sent it.
    pub(crate) fn json(text: &str) -> Self {
        let mut kinds = Kinds::default();
        let value = convert(text, "", &mut kinds);
        Self { value, kinds }
    }
}

/// Members that hold a Go map: their keys are the user's, and a missing one is no error.
const MAPS: [&str; 22] = [
    "Annotations",
    "Attributes",
    "AuxiliaryAddresses",
    "Config",
    "Containers",
    "Data",
    "DriverOpts",
    "ExposedPorts",
    "IndexConfigs",
    "Labels",
    "Networks",
    "Options",
    "PortBindings",
    "Ports",
    "Runtimes",
    "Status",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Volumes",
    "Details",
    "KeyValues",
];

/// Members that are a pointer or a string in Docker's types: `null` there is nothing, elsewhere it is an empty list.
const POINTERS: [&str; 10] = [
    "Health",
    "Healthcheck",
    "IPAMConfig",
    "Init",
    "MemorySwappiness",
    "OomKillDisable",
    "PidsLimit",
    "ConfigFrom",
    "GraphDriver",
    "Descriptor",
];

/// Turns JSON text into a value, remembering the text of each object and array.
fn convert(text: &str, name: &str, kinds: &mut Kinds) -> Value {
    let value = match text.trim_start().as_bytes().first() {
        Some(b'{') => {
            let members = ordered::members(text).unwrap_or_default();
            // `Config` of a container is a struct, that of a log driver a map: the latter holds only strings.
            let is_map = MAPS.contains(&name) && !(name == "Config" && members.iter().any(|(key, _)| key == "Image"));
            let map = members.iter().map(|(key, raw)| (Arc::from(key.as_str()), convert(raw.get(), key, kinds)));
            let value = Value::Map(Arc::new(map.collect()));
            if let Some(address) = address(&value).filter(|_| !is_map) {
                kinds.structs.insert(address, members.into_iter().map(|(key, _)| key).collect());
            }
            value
        }
        Some(b'[') => {
            let items = ordered::elements(text).unwrap_or_default();
            Value::List(items.iter().map(|raw| convert(raw.get(), "", kinds)).collect())
        }
        Some(b'"') => Value::String(serde_json::from_str::<String>(text).unwrap_or_default().into()),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') | None => match name {
            name if MAPS.contains(&name) => Value::Map(Arc::new(BTreeMap::new())),
            name if name.is_empty() || POINTERS.contains(&name) => Value::Nil,
            _ => Value::List(Arc::from([])),
        },
        Some(_) => number(text),
    };
    if let Some(address) = address(&value) {
        // Empty lists may share one address: they are written the same, except for `null`.
        kinds.json.entry(address).or_insert_with(|| ordered::compact(text));
        kinds.alive.push(value.clone());
    }
    value
}

fn number(text: &str) -> Value {
    let text = text.trim();
    if let Ok(value) = text.parse::<i64>() {
        Value::Int(value)
    } else if let Ok(value) = text.parse::<u64>() {
        Value::Uint(value)
    } else {
        Value::Float(text.parse().unwrap_or(0.0))
    }
}
