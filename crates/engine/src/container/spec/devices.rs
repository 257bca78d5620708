//! Devices: which nodes exist in `/dev`, and which device numbers may be used.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};
use teu_api::container::{DeviceMapping, HostConfig};
use teu_oci::defaults::{device_rules, privileged_device_rules};
use teu_oci::runtime::{Device, DeviceRule};

use crate::Error;

/// Device nodes beyond the usual ones: what `--device` names, or all of the host's if privileged.
pub(super) fn nodes(host: &HostConfig) -> Result<Vec<Device>, Error> {
    if host.privileged {
        let mut all = Vec::new();
        walk(Path::new("/dev"), Path::new("/dev"), &mut all);
        return Ok(all);
    }
    let mut nodes = Vec::new();
    for mapping in host.devices.iter().flatten() {
        mapped(mapping, &mut nodes)?;
    }
    Ok(nodes)
}

/// What may be done with which device numbers.
pub(super) fn rules(host: &HostConfig) -> Result<Vec<DeviceRule>, Error> {
    if host.privileged {
        return Ok(privileged_device_rules());
    }
    let mut rules = device_rules();
    for mapping in host.devices.iter().flatten() {
        let mut nodes = Vec::new();
        mapped(mapping, &mut nodes)?;
        let access = if mapping.cgroup_permissions.is_empty() { "rwm" } else { &mapping.cgroup_permissions };
        rules.extend(nodes.into_iter().map(|node| DeviceRule {
            allow: true,
            kind: node.kind,
            major: Some(node.major),
            minor: Some(node.minor),
            access: access.to_owned(),
        }));
    }
    for rule in host.device_cgroup_rules.iter().flatten() {
        rules.push(parse_rule(rule)?);
    }
    Ok(rules)
}

/// `c 1:3 mr`, `b *:* m`, `a *:* rwm`
pub(crate) fn parse_rule(text: &str) -> Result<DeviceRule, Error> {
    let bad = || Error::Invalid(format!("invalid device cgroup rule format: '{text}'"));
    let words: Vec<&str> = text.split_whitespace().collect();
    let [kind, numbers, access] = words[..] else { return Err(bad()) };
    let (major, minor) = numbers.split_once(':').ok_or_else(bad)?;
    let number = |n: &str| if n == "*" { Ok(None) } else { n.parse::<i64>().map(Some).map_err(|_| bad()) };
    let access_is_good = (1..=3).contains(&access.len()) && access.bytes().all(|b| b"rwm".contains(&b));
    if !matches!(kind, "a" | "b" | "c") || !access_is_good {
        return Err(bad());
    }
    Ok(DeviceRule {
        allow: true,
        kind: kind.to_owned(),
        major: number(major)?,
        minor: number(minor)?,
        access: access.to_owned(),
    })
}

/// The nodes of one `--device`: one, or all below a directory.
fn mapped(mapping: &DeviceMapping, nodes: &mut Vec<Device>) -> Result<(), Error> {
    let source = Path::new(&mapping.path_on_host);
    let target = if mapping.path_in_container.is_empty() { &mapping.path_on_host } else { &mapping.path_in_container };
    let gone = |error: std::io::Error| {
        Error::Invalid(format!(
            "error gathering device information while adding custom device \"{}\": {}",
            mapping.path_on_host,
            if error.kind() == std::io::ErrorKind::NotFound {
                "no such file or directory".to_owned()
            } else {
                error.to_string()
            }
        ))
    };
    let metadata = std::fs::metadata(source).map_err(gone)?;
    if metadata.is_dir() {
        walk(source, Path::new(target), nodes);
        return Ok(());
    }
    match node(&metadata, PathBuf::from(target)) {
        Some(node) => {
            nodes.push(node);
            Ok(())
        }
        None => Err(Error::Invalid(format!(
            "error gathering device information while adding custom device \"{}\": not a device node",
            mapping.path_on_host
        ))),
    }
}

/// Device nodes below a directory, without what containers have of their own.
fn walk(source: &Path, target: &Path, nodes: &mut Vec<Device>) {
    let Ok(entries) = std::fs::read_dir(source) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if matches!(name.to_str(), Some("pts" | "shm" | "fd" | "mqueue" | ".lxc" | ".lxd-mounts" | ".udev" | "console"))
        {
            continue;
        }
        // Links are left out: what they point to has a node of its own.
        let Ok(metadata) = entry.metadata() else { continue };
        let target = target.join(&name);
        if metadata.is_dir() {
            walk(&entry.path(), &target, nodes);
        } else {
            nodes.extend(node(&metadata, target));
        }
    }
}

/// The device node at `source`, to be made at `target`; none if there is none.
pub(crate) fn at(source: &Path, target: &Path) -> Option<Device> {
    node(&std::fs::metadata(source).ok()?, target.to_owned())
}

fn node(metadata: &std::fs::Metadata, path: PathBuf) -> Option<Device> {
    let kind = if metadata.file_type().is_char_device() {
        "c"
    } else if metadata.file_type().is_block_device() {
        "b"
    } else {
        return None;
    };
    Some(Device {
        path,
        kind: kind.to_owned(),
        major: i64::from(major(metadata.rdev())),
        minor: i64::from(minor(metadata.rdev())),
        file_mode: Some(metadata.mode() & 0o7777),
        uid: Some(metadata.uid()),
        gid: Some(metadata.gid()),
    })
}

#[cfg(test)]
mod tests {
    use teu_api::container::{DeviceMapping, HostConfig};

    use super::{nodes, parse_rule, rules};

    #[test]
    fn one_device() {
        let mapping = DeviceMapping {
            path_on_host: "/dev/null".to_owned(),
            path_in_container: "/dev/nothing".to_owned(),
            cgroup_permissions: "r".to_owned(),
        };
        let host = HostConfig { devices: Some(vec![mapping]), ..HostConfig::default() };
        let node = &nodes(&host).expect("a device")[0];
        assert_eq!((node.path.to_str(), node.major, node.minor), (Some("/dev/nothing"), 1, 3));
        let last = rules(&host).expect("rules").pop().expect("a rule");
        assert_eq!((last.allow, last.major, last.minor, last.access.as_str()), (true, Some(1), Some(3), "r"));
    }

    #[test]
    fn all_is_denied_first() {
        assert!(!rules(&HostConfig::default()).expect("rules")[0].allow);
        let privileged = HostConfig { privileged: true, ..HostConfig::default() };
        assert_eq!(rules(&privileged).expect("rules").len(), 1);
    }

    #[test]
    fn rule_syntax() {
        assert_eq!(parse_rule("c 42:* rmw").expect("valid").minor, None);
        for bad in ["", "c 1:3", "x 1:3 r", "c 1 r", "c 1:3 x", "c a:3 r", "c 1:3 rwmr"] {
            assert!(parse_rule(bad).is_err(), "{bad}");
        }
    }
}
