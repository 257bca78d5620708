//! The workspace as text: manifests and Rust sources.

use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A Rust source file.
pub(crate) struct Source {
    /// Path relative to the workspace.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
}

/// A crate's manifest.
pub(crate) struct Manifest {
    /// Folder name under `crates/`.
    pub(crate) name: String,
    /// The text of its `Cargo.toml`.
    pub(crate) text: String,
}

/// Everything the checks look at.
pub(crate) struct Workspace {
    /// Manifests of `crates/*`.
    pub(crate) manifests: Vec<Manifest>,
    /// All `.rs` files of the workspace.
    pub(crate) sources: Vec<Source>,
    /// The text of `ARCHITECTURE.md`.
    pub(crate) architecture: String,
}

impl Workspace {
    /// Reads the workspace that this program was built from.
    pub(crate) fn read() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
        let mut sources = Vec::new();
        for folder in ["crates", "fuzz", "xtask"] {
            collect(root, &root.join(folder), &mut sources)?;
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        let mut manifests = Vec::new();
        for entry in read_dir(&root.join("crates"))? {
            let text = read(&entry.join("Cargo.toml"))?;
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            manifests.push(Manifest { name, text });
        }
        let architecture = read(&root.join("ARCHITECTURE.md"))?;
        Ok(Self { manifests, sources, architecture })
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn read_dir(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    for path in read_dir(folder)? {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(root, &path, sources)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read(&path)?;
            sources.push(Source { path: path.strip_prefix(root)?.to_owned(), text });
        }
    }
    Ok(())
}
