//! Volumes in `volume ls`.

use std::collections::BTreeMap;

use gotmpl::{Value, ValueFunc};
use teu_api::volume::{UsageData, Volume};

use super::row::{Method, Row, label_header, label_method, labels, text};
use super::units;

/// The columns of `volume ls`.
pub(crate) const TABLE: &str = "{{.Driver}}\t{{.Name}}";

/// A volume in a list.
pub(crate) struct VolumeRow(pub(crate) Volume);

impl VolumeRow {
    /// What is too dear to find out for a list is told by `system df` only; Docker says the same.
    fn usage(&self, show: impl Fn(&UsageData) -> String) -> String {
        self.0.usage_data.as_ref().map_or_else(|| "N/A".to_owned(), show)
    }

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
            "Links" => self.usage(|usage| usage.ref_count.to_string()),
            "Size" => self.usage(|usage| units::human_size_4(usage.size)),
            // Known to clusters.
            "Availability" | "Group" | "Status" => "N/A".to_owned(),
            _ => return Value::Nil,
        })
    }

    fn method(&self, _name: &str) -> ValueFunc {
        label_method(&self.labels())
    }
}
