//! What the container finds in its file system.

use anyhow::bail;
use clap::Args;
use std::path::{Path, PathBuf};
use teu_api::container::{CreateRequest, Mount};

use super::{host, some};
use crate::opts::volume::Volume;
use crate::opts::{keyvalue, mount, size, volume};

#[derive(Debug, Args)]
#[command(next_help_heading = "File system")]
pub(super) struct Filesystem {
    /// Attach a filesystem mount to the container
    #[arg(long, value_name = "mount", value_parser = |text: &str| mount::parse(text, &here()))]
    mount: Vec<Mount>,
    /// Mount the container's root filesystem as read only
    #[arg(long)]
    read_only: bool,
    /// Size of /dev/shm
    #[arg(long, value_name = "bytes", value_parser = size::ram_bytes)]
    shm_size: Option<i64>,
    /// Storage driver options for the container
    #[arg(long, value_name = "list")]
    storage_opt: Vec<String>,
    /// Mount a tmpfs directory
    #[arg(long, value_name = "list")]
    tmpfs: Vec<String>,
    /// Bind mount Docker API socket and required auth
    #[arg(long)]
    pub(super) use_api_socket: bool,
    /// Bind mount a volume
    #[arg(short, long, value_name = "list")]
    volume: Vec<String>,
    /// Optional volume driver for the container
    #[arg(long, value_name = "string", default_value = "")]
    volume_driver: String,
    /// Mount volumes from the specified container(s)
    #[arg(long, value_name = "list")]
    volumes_from: Vec<String>,
}

/// The caller's working directory. One that was removed is no place to be relative to.
fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| Path::new("/").to_owned())
}

impl Filesystem {
    pub(super) fn apply(self, request: &mut CreateRequest) -> anyhow::Result<()> {
        if self.storage_opt.iter().any(|option| !option.contains('=')) {
            bail!("invalid storage option");
        }
        let here = here();
        let mut binds = Vec::new();
        let volumes = request.config.volumes.get_or_insert_default();
        for spec in self.volume {
            match volume::parse(&spec, &here)? {
                // Said twice, meant once.
                Volume::Bind(bind) if binds.contains(&bind) => {}
                Volume::Bind(bind) => binds.push(bind),
                Volume::Anonymous(path) => drop(volumes.insert(path, Default::default())),
            }
        }
        let tmpfs = self.tmpfs.iter().map(|spec| spec.split_once(':').unwrap_or((spec, "")));
        let tmpfs: std::collections::BTreeMap<String, String> =
            tmpfs.map(|(path, options)| (path.to_owned(), options.to_owned())).collect();
        let host = host(request);
        host.binds = some(binds);
        host.tmpfs = Some(tmpfs).filter(|tmpfs| !tmpfs.is_empty());
        host.mounts = some(self.mount);
        host.readonly_rootfs = self.read_only;
        host.shm_size = self.shm_size.unwrap_or(0);
        host.storage_opt = Some(keyvalue::map(&self.storage_opt)).filter(|options| !options.is_empty());
        host.volume_driver = self.volume_driver;
        host.volumes_from = some(self.volumes_from);
        Ok(())
    }
}
