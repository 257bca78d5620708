use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use teu_oci::runtime::{Process, Spec};

use super::validate::validate;

/// Configurations larger than this are refused.
const SIZE_LIMIT: u64 = 64 << 20;

/// A bundle: a directory with a configuration.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// Its path, absolute and without links.
    pub(crate) path: PathBuf,
    pub(crate) spec: Spec,
    /// The root file system's path as the configuration has it.
    pub(crate) rootfs: PathBuf,
}

impl Bundle {
    /// Reads and checks a bundle.
    pub(crate) fn load(path: &Path) -> Result<Bundle> {
        let path = path.canonicalize().with_context(|| format!("bundle {}", path.display()))?;
        let config = path.join("config.json");
        let spec: Spec = read_json(&config)?;
        validate(&spec).with_context(|| format!("invalid configuration {}", config.display()))?;
        let rootfs = spec.root.as_ref().map(|r| path.join(&r.path)).unwrap_or_default();
        if !rootfs.is_dir() {
            bail!("root file system {} is not a directory", rootfs.display());
        }
        let rootfs = rootfs.canonicalize().with_context(|| format!("root file system {}", rootfs.display()))?;
        Ok(Bundle { path, spec, rootfs })
    }
}

/// Reads a process, as `exec --process` gets it.
pub(crate) fn read_process(path: &Path) -> Result<Process> {
    read_json(path)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    use std::io::Read;
    let file = std::fs::File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut text = Vec::new();
    file.take(SIZE_LIMIT + 1).read_to_end(&mut text).with_context(|| format!("read {}", path.display()))?;
    if text.len() as u64 > SIZE_LIMIT {
        bail!("{} is larger than {SIZE_LIMIT} bytes", path.display());
    }
    serde_json::from_slice(&text).with_context(|| format!("parse {}", path.display()))
}
