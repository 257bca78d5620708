//! Devices by the Container Device Interface: `--device vendor.com/class=name`, and `--gpus` by way of `nvidia.com/gpu`.
//!
//! Vendors put specifications as JSON into `/etc/cdi` and `/var/run/cdi`; each says what a device's name stands for:
//! nodes, mounts, variables, hooks. Files in YAML are not read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use teu_api::container::{DeviceRequest, HostConfig};
use teu_oci::runtime::{DeviceRule, Hook, Mount, Spec};

use super::spec;
use crate::Error;

/// A specification.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    /// `vendor.com/class`
    kind: String,
    #[serde(default)]
    devices: Vec<Device>,
    /// What every device of this kind needs.
    #[serde(default)]
    container_edits: Edits,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    name: String,
    #[serde(default)]
    container_edits: Edits,
}

/// What a device changes in a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Edits {
    env: Vec<String>,
    device_nodes: Vec<Node>,
    mounts: Vec<Bind>,
    hooks: Vec<NamedHook>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    path: PathBuf,
    host_path: Option<PathBuf>,
    #[serde(default)]
    permissions: String,
    uid: Option<u32>,
    gid: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bind {
    host_path: String,
    container_path: PathBuf,
    #[serde(default)]
    options: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedHook {
    hook_name: String,
    #[serde(flatten)]
    hook: Hook,
}

/// What a container's device requests change. `folders` are searched in turn; later ones replace what earlier ones say.
pub(super) fn edits(host: &HostConfig, folders: &[PathBuf]) -> Result<Vec<Edits>, Error> {
    if host.device_requests.iter().flatten().next().is_none() {
        return Ok(Vec::new());
    }
    chosen(host, &known(folders))
}

/// What the requests choose of the devices that there are.
pub(super) fn chosen(host: &HostConfig, known: &BTreeMap<String, Edits>) -> Result<Vec<Edits>, Error> {
    let mut all = Vec::new();
    for request in host.device_requests.iter().flatten() {
        let names = names(request, known).ok_or_else(|| no_driver(request))?;
        let missing: Vec<_> = names.iter().filter(|name| !known.contains_key(*name)).map(String::as_str).collect();
        if !missing.is_empty() {
            let text = format!("CDI device injection failed: unresolvable CDI devices {}", missing.join(", "));
            return Err(Error::Invalid(text));
        }
        all.extend(names.iter().filter_map(|name| known.get(name).cloned()));
    }
    Ok(all)
}

/// The qualified names that a request asks for; none if no specification is about such devices.
fn names(request: &DeviceRequest, known: &BTreeMap<String, Edits>) -> Option<Vec<String>> {
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
    Error::Network(format!(
        "could not select device driver {:?} with capabilities: [{}]",
        request.driver,
        sets.join(" ")
    ))
}

/// All devices by qualified name.
fn known(folders: &[PathBuf]) -> BTreeMap<String, Edits> {
    let mut all = BTreeMap::new();
    for folder in folders {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        files.sort();
        for path in files {
            match read(&path) {
                Ok(devices) => all.extend(devices),
                Err(error) => tracing::warn!(path = %path.display(), %error, "a CDI specification cannot be read"),
            }
        }
    }
    all
}

fn read(path: &Path) -> std::io::Result<Vec<(String, Edits)>> {
    Ok(devices(&std::fs::read(path)?)?)
}

/// The devices of a specification, by their full names.
pub(super) fn devices(text: &[u8]) -> serde_json::Result<Vec<(String, Edits)>> {
    let file: File = serde_json::from_slice(text)?;
    let named = file.devices.into_iter().map(|device| {
        let edits = file.container_edits.clone().and(device.container_edits);
        (format!("{}={}", file.kind, device.name), edits)
    });
    Ok(named.collect())
}

impl Edits {
    fn and(mut self, more: Edits) -> Edits {
        self.env.extend(more.env);
        self.device_nodes.extend(more.device_nodes);
        self.mounts.extend(more.mounts);
        self.hooks.extend(more.hooks);
        self
    }

    /// Changes what a container is started with.
    pub(super) fn apply(self, spec: &mut Spec) -> Result<(), Error> {
        if let Some(process) = &mut spec.process {
            process.env.extend(self.env);
        }
        for node in self.device_nodes {
            node.apply(spec)?;
        }
        spec.mounts.extend(self.mounts.into_iter().map(|bind| Mount {
            destination: bind.container_path,
            kind: "bind".to_owned(),
            source: bind.host_path,
            options: if bind.options.is_empty() { vec!["rbind".to_owned(), "ro".to_owned()] } else { bind.options },
            ..Mount::default()
        }));
        let hooks = spec.hooks.get_or_insert_default();
        for NamedHook { hook_name, hook } in self.hooks {
            match hook_name.as_str() {
                "prestart" => hooks.prestart.push(hook),
                "createRuntime" => hooks.create_runtime.push(hook),
                "createContainer" => hooks.create_container.push(hook),
                "startContainer" => hooks.start_container.push(hook),
                "poststart" => hooks.poststart.push(hook),
                "poststop" => hooks.poststop.push(hook),
                other => {
                    return Err(Error::Invalid(format!("CDI device injection failed: invalid hook name {other:?}")));
                }
            }
        }
        Ok(())
    }
}

impl Node {
    fn apply(self, spec: &mut Spec) -> Result<(), Error> {
        let source = self.host_path.as_deref().unwrap_or(&self.path);
        let found = spec::device_at(source, &self.path);
        let mut device = found.ok_or_else(|| {
            Error::Invalid(format!("CDI device injection failed: {} is not a device node", source.display()))
        })?;
        device.uid = self.uid.or(device.uid);
        device.gid = self.gid.or(device.gid);
        let linux = spec.linux.get_or_insert_default();
        linux.resources.get_or_insert_default().devices.push(DeviceRule {
            allow: true,
            kind: device.kind.clone(),
            major: Some(device.major),
            minor: Some(device.minor),
            access: if self.permissions.is_empty() { "rwm".to_owned() } else { self.permissions },
        });
        linux.devices.push(device);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use teu_api::container::{DeviceRequest, HostConfig};
    use teu_oci::runtime::{Process, Spec};

    use super::edits;

    const FILE: &str = r#"{"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": [
        {"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/gpu0", "hostPath": "/dev/null", "permissions": "rw"}]}},
        {"name": "all", "containerEdits": {"env": ["WHICH=all"]}}],
        "containerEdits": {"env": ["GPU=yes"], "mounts": [{"hostPath": "/lib/gpu", "containerPath": "/gpu"}],
            "hooks": [{"hookName": "createContainer", "path": "/bin/hook", "args": ["hook", "x"]}]}}"#;

    fn host(driver: &str, count: i64, ids: &[&str]) -> HostConfig {
        let request = DeviceRequest {
            driver: driver.to_owned(),
            count,
            device_ids: (!ids.is_empty()).then(|| ids.iter().map(|id| (*id).to_owned()).collect()),
            capabilities: (driver != "cdi").then(|| vec![vec!["gpu".to_owned()]]),
            ..DeviceRequest::default()
        };
        HostConfig { device_requests: Some(vec![request]), ..HostConfig::default() }
    }

    fn applied(host: &HostConfig, folders: &[PathBuf]) -> Result<Spec, String> {
        let mut spec = Spec { process: Some(Process::default()), ..Spec::default() };
        for edit in edits(host, folders).map_err(|error| error.to_string())? {
            edit.apply(&mut spec).map_err(|error| error.to_string())?;
        }
        Ok(spec)
    }

    #[test]
    fn devices_by_name_and_gpus() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("nvidia.json"), FILE).expect("written");
        std::fs::write(folder.path().join("broken.json"), "{").expect("written");
        let folders = [PathBuf::from("/nowhere"), folder.path().to_owned()];
        let one = applied(&host("cdi", 0, &["nvidia.com/gpu=0"]), &folders).expect("applied");
        let linux = one.linux.expect("linux");
        assert_eq!((linux.devices[0].path.to_str(), linux.devices[0].major), (Some("/dev/gpu0"), 1));
        assert_eq!(linux.resources.expect("resources").devices[0].access, "rw");
        assert_eq!(one.mounts[0].destination.to_str(), Some("/gpu"));
        assert_eq!(one.hooks.expect("hooks").create_container[0].args, ["hook", "x"]);
        for (count, ids) in [(-1, &[][..]), (0, &["all"])] {
            let all = applied(&host("", count, ids), &folders).expect("applied");
            assert_eq!(all.process.expect("a process").env, ["GPU=yes", "WHICH=all"]);
        }
        let missing = applied(&host("cdi", 0, &["nvidia.com/gpu=9"]), &folders).expect_err("missing");
        assert_eq!(missing, "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=9");
        let many = applied(&host("", i64::MAX, &[]), &folders).expect_err("missing");
        assert!(many.ends_with("unresolvable CDI devices nvidia.com/gpu=1, nvidia.com/gpu=2"), "{many}");
        let none = applied(&host("", -1, &[]), &[]).expect_err("no driver");
        assert_eq!(none, "could not select device driver \"\" with capabilities: [[gpu]]");
        assert!(edits(&HostConfig::default(), &folders).expect("nothing").is_empty());
    }
}
