//! Devices by the Container Device Interface: `--device vendor.com/class=name`, and `--gpus` by way of `nvidia.com/gpu`.
//!
//! Vendors put specifications as JSON or YAML into `/etc/cdi` and `/var/run/cdi`; each says what a device's name stands for:
//! nodes, mounts, variables, groups, hooks.

mod apply;
mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use teu_api::container::{DeviceRequest, HostConfig};

use crate::Error;
pub(crate) use file::{Edits, Problem};

/// A device that a specification describes.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// What every device of the specification needs: once, however many of them are asked for.
    shared: Arc<Edits>,
    own: Edits,
}

/// Devices by qualified name.
pub(super) type Devices = BTreeMap<String, Known>;

/// What a container's device requests change. `folders` are searched in turn; later ones replace what earlier ones say.
pub(super) fn edits(host: &HostConfig, folders: &[PathBuf]) -> Result<Vec<Edits>, Error> {
    if host.device_requests.iter().flatten().next().is_none() {
        return Ok(Vec::new());
    }
    chosen(host, &known(folders))
}

/// The qualified names of all devices.
pub(crate) fn names(folders: &[PathBuf]) -> Vec<String> {
    known(folders).into_keys().collect()
}

/// What the requests choose of the devices that there are.
pub(super) fn chosen(host: &HostConfig, known: &Devices) -> Result<Vec<Edits>, Error> {
    let mut all = Vec::new();
    let mut shared: Vec<&Arc<Edits>> = Vec::new();
    for request in host.device_requests.iter().flatten() {
        let names = wanted(request, known).ok_or_else(|| no_driver(request))?;
        let missing: Vec<_> = names.iter().filter(|name| !known.contains_key(*name)).map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(injection(format!("unresolvable CDI devices {}", missing.join(", "))));
        }
        for device in names.iter().filter_map(|name| known.get(name)) {
            if !shared.iter().any(|one| Arc::ptr_eq(one, &device.shared)) {
                shared.push(&device.shared);
                all.push(Edits::clone(&device.shared));
            }
            all.push(device.own.clone());
        }
    }
    Ok(all)
}

/// Docker's words for what a specification asks for and cannot be done.
fn injection(reason: impl std::fmt::Display) -> Error {
    Error::Invalid(format!("CDI device injection failed: {reason}"))
}

/// The qualified names that a request asks for; none if no specification is about such devices.
fn wanted(request: &DeviceRequest, known: &Devices) -> Option<Vec<String>> {
    let ids = request.device_ids.as_deref().unwrap_or(&[]);
    if request.driver == "cdi" {
        return Some(ids.to_vec());
    }
    let is_gpu = request.capabilities.iter().flatten().flatten().any(|capability| capability == "gpu");
    let is_there = known.keys().any(|name| name.starts_with("nvidia.com/gpu="));
    if !is_gpu || !is_there || !matches!(request.driver.as_str(), "" | "nvidia") {
        return None;
    }
    let gpu = |id: &dyn std::fmt::Display| format!("nvidia.com/gpu={id}");
    Some(match (ids, request.count) {
        ([], -1) => vec![gpu(&"all")],
        // One more than there are is as missing as all others.
        ([], count) => (0..count).take(known.len() + 1).map(|index| gpu(&index)).collect(),
        (ids, _) => ids.iter().map(|id| gpu(id)).collect(),
    })
}

/// Docker's words.
fn no_driver(request: &DeviceRequest) -> Error {
    let sets = request.capabilities.iter().flatten().map(|set| format!("[{}]", set.join(" ")));
    let sets: Vec<_> = sets.collect();
    Error::Failed(format!(
        "could not select device driver {:?} with capabilities: [{}]",
        request.driver,
        sets.join(" ")
    ))
}

/// All devices by qualified name. Of two with one name in a folder, nobody knows which is meant: neither is there.
fn known(folders: &[PathBuf]) -> Devices {
    let mut all = Devices::new();
    for folder in folders {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut files: Vec<_> = entries.filter(|path| is_yaml(path).is_some()).collect();
        files.sort();
        let mut here = Devices::new();
        let mut twice = Vec::new();
        for path in files {
            match read(&path) {
                Ok(devices) => {
                    for (name, device) in devices {
                        if here.insert(name.clone(), device).is_some() {
                            tracing::warn!(path = %path.display(), name, "another CDI specification has this device, too");
                            twice.push(name);
                        }
                    }
                }
                Err(problem) => tracing::warn!(path = %path.display(), %problem, "a CDI specification is not used"),
            }
        }
        all.extend(here);
        twice.iter().for_each(|name| drop(all.remove(name)));
    }
    all
}

/// Whether a file is a specification, and in YAML.
fn is_yaml(path: &Path) -> Option<bool> {
    match path.extension()?.to_str()? {
        "json" => Some(false),
        "yaml" | "yml" => Some(true),
        _ => None,
    }
}

fn read(path: &Path) -> Result<Vec<(String, Known)>, Problem> {
    devices(&std::fs::read(path)?, is_yaml(path) == Some(true))
}

/// The devices of a specification, by their full names.
pub(super) fn devices(text: &[u8], yaml: bool) -> Result<Vec<(String, Known)>, Problem> {
    let file = file::parse(text, yaml)?;
    let shared = Arc::new(file.container_edits);
    let named = file.devices.into_iter().map(|device| {
        let known = Known { shared: Arc::clone(&shared), own: device.container_edits };
        (format!("{}={}", file.kind, device.name), known)
    });
    Ok(named.collect())
}

#[cfg(test)]
mod tests;
