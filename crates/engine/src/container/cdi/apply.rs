//! What a device changes in the specification of a container.

use std::path::Path;

use teu_oci::runtime::{Device, DeviceRule, Hooks, Mount, Process, Spec};

use super::super::spec;
use super::file::{Bind, Edits, NamedHook, Node};
use super::injection;
use crate::Error;

impl Edits {
    /// Changes what a container is started with.
    pub(in crate::container) fn apply(self, spec: &mut Spec) -> Result<(), Error> {
        for (what, asked) in [("intelRdt", self.intel_rdt.is_some()), ("netDevices", self.net_devices.is_some())] {
            if asked {
                return Err(injection(format!("the specification asks for {what}, which is not supported")));
            }
        }
        if let Some(process) = &mut spec.process {
            self.env.into_iter().for_each(|variable| set(process, variable));
            let own = &mut process.user.additional_gids;
            // The root's group is nobody's supplementary one, as in the reference implementation.
            let more: Vec<u32> = self.groups.into_iter().filter(|group| *group != 0 && !own.contains(group)).collect();
            own.extend(more);
        }
        for node in self.device_nodes {
            node.apply(spec)?;
        }
        spec.mounts.extend(self.mounts.into_iter().map(Bind::mount));
        if !self.hooks.is_empty() {
            let hooks = spec.hooks.get_or_insert_default();
            self.hooks.into_iter().try_for_each(|hook| hook.add(hooks))?;
        }
        Ok(())
    }
}

/// Sets a variable, in the place of one that is there.
fn set(process: &mut Process, variable: String) {
    let name = variable.split('=').next().unwrap_or_default();
    let same = |other: &&mut String| other.split('=').next() == Some(name);
    match process.env.iter_mut().find(same) {
        Some(other) => *other = variable,
        None => process.env.push(variable),
    }
}

impl Bind {
    fn mount(self) -> Mount {
        let options = if self.options.is_empty() { vec!["rbind".to_owned(), "ro".to_owned()] } else { self.options };
        Mount {
            destination: self.container_path,
            kind: if self.kind.is_empty() { "bind".to_owned() } else { self.kind },
            source: self.host_path,
            options,
            ..Mount::default()
        }
    }
}

impl NamedHook {
    fn add(self, hooks: &mut Hooks) -> Result<(), Error> {
        let list = match self.hook_name.as_str() {
            "prestart" => &mut hooks.prestart,
            "createRuntime" => &mut hooks.create_runtime,
            "createContainer" => &mut hooks.create_container,
            "startContainer" => &mut hooks.start_container,
            "poststart" => &mut hooks.poststart,
            "poststop" => &mut hooks.poststop,
            other => return Err(injection(format!("invalid hook name {other:?}"))),
        };
        list.push(self.hook);
        Ok(())
    }
}

impl Node {
    fn apply(self, spec: &mut Spec) -> Result<(), Error> {
        let device = self.device()?;
        let access = match self.permissions.as_str() {
            "" => "rwm",
            given if given.bytes().all(|letter| b"rwm".contains(&letter)) => given,
            other => return Err(injection(format!("invalid permissions {other:?} of {}", self.path.display()))),
        };
        let linux = spec.linux.get_or_insert_default();
        if device.kind != "p" {
            linux.resources.get_or_insert_default().devices.push(DeviceRule {
                allow: true,
                kind: device.kind.clone(),
                major: Some(device.major),
                minor: Some(device.minor),
                access: access.to_owned(),
            });
        }
        linux.devices.retain(|other| other.path != device.path);
        linux.devices.push(device);
        Ok(())
    }

    /// The node: as the specification describes it, the rest as the host has it.
    fn device(&self) -> Result<Device, Error> {
        let source = self.host_path.as_deref().unwrap_or(&self.path);
        let mut device = match (self.kind.as_str(), self.major, self.minor) {
            ("p", ..) => Device { path: self.path.clone(), kind: "p".to_owned(), ..Device::default() },
            (kind @ ("b" | "c" | "u"), Some(major), Some(minor)) => {
                // Unbuffered ones are character devices in other words.
                let kind = if kind == "u" { "c" } else { kind };
                Device { path: self.path.clone(), kind: kind.to_owned(), major, minor, ..Device::default() }
            }
            ("" | "b" | "c" | "u", ..) => self.host(source)?,
            (other, ..) => {
                return Err(injection(format!("invalid type {other:?} of {}", self.path.display())));
            }
        };
        device.file_mode = self.file_mode.or(device.file_mode);
        device.uid = self.uid.or(device.uid);
        device.gid = self.gid.or(device.gid);
        Ok(device)
    }

    fn host(&self, source: &Path) -> Result<Device, Error> {
        let found = spec::device_at(source, &self.path);
        let device = found.ok_or_else(|| injection(format!("{} is not a device node", source.display())))?;
        let differs = !self.kind.is_empty()
            && self.kind != device.kind
            && (self.kind.as_str(), device.kind.as_str()) != ("u", "c");
        if differs {
            return Err(injection(format!("{} is no device of type {:?}", source.display(), self.kind)));
        }
        Ok(device)
    }
}
