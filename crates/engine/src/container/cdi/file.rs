//! Specifications: what vendors write, checked as the reference implementation checks it.

use std::path::PathBuf;

use serde::Deserialize;
use teu_oci::runtime::Hook;

/// Versions of the format. What a newer one may say is not guessed.
const VERSIONS: [&str; 10] = ["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"];

/// Why a specification is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("it cannot be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("it is no JSON of a specification: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it is no YAML of a specification: {0}")]
    Yaml(Box<serde_saphyr::Error>),
    #[error("invalid version {0:?}, known are {first} to {last}", first = VERSIONS[0], last = VERSIONS[VERSIONS.len() - 1])]
    Version(String),
    #[error("invalid kind {0:?}, wanted is vendor.com/class")]
    Kind(String),
    #[error("invalid device name {0:?}")]
    Name(String),
    #[error("device {0:?} is there twice")]
    Twice(String),
    #[error("it has no devices")]
    Empty,
}

/// A specification.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    cdi_version: String,
    /// `vendor.com/class`
    pub(super) kind: String,
    #[serde(default)]
    pub(super) devices: Vec<Device>,
    /// What every device of this kind needs.
    #[serde(default)]
    pub(super) container_edits: Edits,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Device {
    pub(super) name: String,
    #[serde(default)]
    pub(super) container_edits: Edits,
}

/// What a device changes in a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Edits {
    pub(super) env: Vec<String>,
    pub(super) device_nodes: Vec<Node>,
    pub(super) mounts: Vec<Bind>,
    pub(super) hooks: Vec<NamedHook>,
    #[serde(rename = "additionalGids")]
    pub(super) groups: Vec<u32>,
    /// Cache allocation, which the engine does not do.
    pub(super) intel_rdt: Option<serde_json::Value>,
    /// Network interfaces, which the engine does not move.
    pub(super) net_devices: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Node {
    pub(super) path: PathBuf,
    pub(super) host_path: Option<PathBuf>,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    pub(super) major: Option<i64>,
    pub(super) minor: Option<i64>,
    pub(super) file_mode: Option<u32>,
    #[serde(default)]
    pub(super) permissions: String,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bind {
    pub(super) host_path: String,
    pub(super) container_path: PathBuf,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) options: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NamedHook {
    pub(super) hook_name: String,
    #[serde(flatten)]
    pub(super) hook: Hook,
}

/// Reads a specification; what is not YAML is JSON.
pub(super) fn parse(text: &[u8], yaml: bool) -> Result<File, Problem> {
    let file: File = if yaml {
        serde_saphyr::from_slice(text).map_err(|error| Problem::Yaml(Box::new(error)))?
    } else {
        serde_json::from_slice(text)?
    };
    check(&file)?;
    Ok(file)
}

fn check(file: &File) -> Result<(), Problem> {
    if !VERSIONS.contains(&file.cdi_version.as_str()) {
        return Err(Problem::Version(file.cdi_version.clone()));
    }
    let is_kind = |(vendor, class): (&str, &str)| is_word(vendor, "_-.") && is_word(class, "_-.");
    if !file.kind.split_once('/').is_some_and(is_kind) {
        return Err(Problem::Kind(file.kind.clone()));
    }
    if file.devices.is_empty() {
        return Err(Problem::Empty);
    }
    for (index, device) in file.devices.iter().enumerate() {
        if !is_name(&device.name) {
            return Err(Problem::Name(device.name.clone()));
        }
        if file.devices[..index].iter().any(|other| other.name == device.name) {
            return Err(Problem::Twice(device.name.clone()));
        }
    }
    Ok(())
}

/// A vendor or a class: begins with a letter, ends with a letter or digit.
fn is_word(text: &str, inside: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && has_only(text, inside)
}

/// A device: begins and ends with a letter or digit.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && has_only(text, "_-.:")
}

fn has_only(text: &str, inside: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || inside.contains(c))
}

#[cfg(test)]
mod tests {
    use super::{is_name, parse};

    fn refused(text: &str) -> String {
        parse(text.as_bytes(), true).expect_err(text).to_string()
    }

    #[test]
    fn what_is_wrong_is_said() {
        let file = |version: &str, kind: &str, devices: &str| {
            format!("cdiVersion: \"{version}\"\nkind: {kind}\ndevices: [{devices}]\n")
        };
        parse(file("0.6.0", "vendor.com/class", "{name: x}").as_bytes(), true).expect("valid");
        assert_eq!(
            refused(&file("2.0.0", "v.com/c", "{name: x}")),
            "invalid version \"2.0.0\", known are 0.1.0 to 1.1.0"
        );
        for kind in ["v", "v/", "/c", "1v/c", "v/c-", "v/c/d", "v v/c"] {
            assert!(refused(&file("1.0.0", kind, "{name: x}")).starts_with("invalid kind"), "{kind}");
        }
        assert_eq!(refused(&file("1.0.0", "v/c", "{name: a}, {name: a}")), "device \"a\" is there twice");
        assert_eq!(refused(&file("1.0.0", "v/c", "")), "it has no devices");
        assert!(refused("a: [").starts_with("it is no YAML"));
        assert!(parse(b"{", false).expect_err("broken").to_string().starts_with("it is no JSON"));
        assert!(
            is_name("0") && is_name("0:1") && is_name("GPU-1.x") && !is_name("") && !is_name("a-") && !is_name("a=b")
        );
    }
}
