//! Volumes in `volume ls`.

use std::collections::BTreeMap;

use gotmpl::{Value, ValueFunc};
use teu_api::volume::Volume;

use super::row::{Method, Row, label_header, label_method, labels, text};

/// The columns of `volume ls`.
pub(crate) const TABLE: &str = "{{.Driver}}\t{{.Name}}";

/// A volume in a list.
pub(crate) struct VolumeRow(pub(crate) Volume);

impl VolumeRow {
    fn labels(&self) -> BTreeMap<String, String> {
        self.0.labels.clone().unwrap_or_default()
    }
}

impl Row for VolumeRow {
    const GO_TYPE: &'static str = "*volume.volumeContext";
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("Availability", "AVAILABILITY"),
        ("Driver", "DRIVER"),
        ("Group", "GROUP"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Name", "VOLUME NAME"),
        ("Scope", "SCOPE"),
        ("Size", "SIZE"),
        ("Status", "STATUS"),
    ];
    const METHODS: &'static [Method] = &[("Label", label_header)];

    fn field(&self, name: &str) -> Value {
        let volume = &self.0;
        text(match name {
            "Driver" => volume.driver.clone(),
            "Labels" => labels(&self.labels()),
            "Mountpoint" => volume.mountpoint.clone(),
            "Name" => volume.name.clone(),
            "Scope" => volume.scope.clone(),
            // Known to clusters, or too dear to find out for a list; Docker says the same.
            "Availability" | "Group" | "Links" | "Size" | "Status" => "N/A".to_owned(),
            _ => return Value::Nil,
        })
    }

    fn method(&self, _name: &str) -> ValueFunc {
        label_method(&self.labels())
    }
}
