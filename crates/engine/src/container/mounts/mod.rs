//! Mounts that users ask for: binds, volumes, temporary file systems.

mod bind;
mod inherit;
mod open;
mod plan;
mod propagation;
mod structured;

use serde::{Deserialize, Serialize};
use teu_api::container::MountPoint;

pub(crate) use inherit::volumes_from;
pub(crate) use open::{Opened, open};
pub(crate) use plan::plan;

/// The mode of volumes that `inspect` shows when the user gave none.
const LABELLED: &str = "z";

/// A mount of a container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mount {
    /// Absolute, clean path in the container.
    pub(crate) destination: String,
    pub(crate) source: Source,
    pub(crate) read_only: bool,
    /// Options as the user gave them, for inspect.
    pub(crate) mode: String,
    /// Propagation of mounts (`rprivate`); empty for what is not a bind.
    pub(crate) propagation: String,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Source {
    /// A file or directory of the host.
    Bind {
        path: String,
        /// Make a directory if there is nothing.
        create: bool,
        /// With the mounts below it.
        recursive: bool,
        /// Read-only includes the mounts below it.
        read_only_recursive: bool,
    },
    /// A volume of the engine.
    Volume {
        name: String,
        /// Nobody named it: it goes with the container if that is asked for.
        anonymous: bool,
        /// Path inside the volume.
        subpath: String,
        /// Fill it from the image if it is empty.
        copy: bool,
    },
    /// A temporary file system with these mount options.
    Tmpfs {
        options: Vec<String>,
        /// Asked for with `--tmpfs`, not with `--mount`: inspect shows it in the host configuration alone.
        #[serde(default)]
        implicit: bool,
    },
}

impl Mount {
    /// Whether inspect and list show it among the mounts.
    pub(crate) fn is_listed(&self) -> bool {
        !matches!(self.source, Source::Tmpfs { implicit: true, .. })
    }

    /// The volume that is mounted, if it is one.
    pub(crate) fn volume(&self) -> Option<&str> {
        match &self.source {
            Source::Volume { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The mount as inspect and list show it. `volumes` is where volumes are.
    pub(crate) fn point(&self, volumes: &std::path::Path) -> MountPoint {
        let base = MountPoint {
            destination: self.destination.clone(),
            mode: self.mode.clone(),
            rw: !self.read_only,
            propagation: self.propagation.clone(),
            ..MountPoint::default()
        };
        match &self.source {
            Source::Bind { path, .. } => MountPoint { kind: "bind".to_owned(), source: path.clone(), ..base },
            Source::Volume { name, .. } => MountPoint {
                kind: "volume".to_owned(),
                name: name.clone(),
                source: volumes.join(name).join("_data").to_string_lossy().into_owned(),
                driver: "local".to_owned(),
                ..base
            },
            Source::Tmpfs { .. } => MountPoint { kind: "tmpfs".to_owned(), ..base },
        }
    }
}

/// Whether `name` can be a volume's name.
fn is_volume_name(name: &str) -> bool {
    name.len() >= 2
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// A path without `.`, `..`, doubled and trailing slashes; `..` at the root stays there.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
