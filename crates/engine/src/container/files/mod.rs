//! The files that the engine puts into a container: `/etc/hostname`, `/etc/hosts`, `/etc/resolv.conf`.

pub(super) mod fuzzing;
mod hosts;
mod resolv;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use teu_network::Endpoint;

use super::definition::Definition;
use crate::{EngineConfig, Error};

pub(crate) use hosts::check_extra_host;
use resolv::Place;
pub(crate) use resolv::resolver;

/// Where a container's files are.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) hostname: PathBuf,
    pub(crate) hosts: PathBuf,
    pub(crate) resolv_conf: PathBuf,
    /// Written by `json-file`.
    pub(crate) log: PathBuf,
    /// Written by `local` and by drivers that send lines elsewhere.
    pub(crate) local_log: PathBuf,
    /// How much of that was sent. Not in the same folder: whoever sends watches that.
    pub(crate) log_cursor: PathBuf,
}

impl Files {
    /// Those of the container `id` below `containers`.
    pub(crate) fn of(containers: &Path, id: &str) -> Files {
        let folder = containers.join(id);
        Files {
            hostname: folder.join("hostname"),
            hosts: folder.join("hosts"),
            resolv_conf: folder.join("resolv.conf"),
            log: folder.join(format!("{id}-json.log")),
            local_log: folder.join("local-logs/container.log"),
            log_cursor: folder.join("log-cursor"),
        }
    }

    /// Writes what is known before the start.
    pub(crate) fn prepare(&self, definition: &Definition, config: &EngineConfig) -> Result<(), Error> {
        write(&self.hostname, &format!("{}\n", definition.config.hostname), definition.root())?;
        self.write_resolv_conf(definition, config)
    }

    /// Writes whom the container asks for names.
    pub(crate) fn write_resolv_conf(&self, definition: &Definition, config: &EngineConfig) -> Result<(), Error> {
        let place = match definition.host.network_mode.as_str() {
            "host" => Place::Host,
            _ if definition.has_names() => Place::Names,
            _ => Place::Own,
        };
        write(&self.resolv_conf, &resolv::content(&definition.host, config, place), definition.root())
    }

    /// Writes the hosts, when the container has its address.
    pub(crate) fn write_hosts(
        &self,
        definition: &Definition,
        endpoints: &[Endpoint],
        gateway: Option<std::net::IpAddr>,
        links: &[String],
    ) -> Result<(), Error> {
        write(&self.hosts, &hosts::content(definition, endpoints, gateway, links), definition.root())
    }
}

impl Files {
    /// Takes a line out of the hosts.
    pub(crate) fn remove_host(&self, line: &str) -> Result<(), Error> {
        let text =
            std::fs::read_to_string(&self.hosts).map_err(|source| Error::File { path: self.hosts.clone(), source })?;
        let kept = text.lines().filter(|other| *other != line).flat_map(|line| [line, "\n"]);
        write(&self.hosts, &kept.collect::<String>(), None)
    }
}

/// Writes a file that everybody in the container may read, and its root write. In place: it may be mounted.
fn write(path: &Path, content: &str, owner: Option<(u32, u32)>) -> Result<(), Error> {
    let fail = |source| Error::File { path: path.to_owned(), source };
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o644).open(path).map_err(fail)?;
    file.write_all(content.as_bytes()).map_err(fail)?;
    match owner {
        Some((uid, gid)) => std::os::unix::fs::fchown(&file, Some(uid), Some(gid)).map_err(fail),
        None => Ok(()),
    }
}
