//! The image of P7 and the registry that serves it on loopback.

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use teu_testkit::registry::{Behaviour, Registry, digest_of};

const REPOSITORY: &str = "bench/large";
/// Unpacked bytes of each of the two layers.
const LAYER_BYTES: u64 = 181_000_000;

/// Makes the layers once, from files of this machine: real programs and libraries compress as images do.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    if folder.join("config.json").exists() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let mut files = Vec::new();
    for root in ["/usr/bin", "/usr/lib", "/usr/share"] {
        collect(Path::new(root), &mut files);
    }
    let mut files = files.into_iter();
    let mut diff_ids = Vec::new();
    for number in 0..2 {
        let tar = layer(&mut files)?;
        diff_ids.push(digest_of(&tar));
        let mut encoder =
            GzEncoder::new(fs::File::create(folder.join(format!("layer-{number}.tar.gz")))?, Compression::default());
        encoder.write_all(&tar)?;
        encoder.finish()?;
    }
    let config = json!({ "architecture": "amd64", "os": "linux", "config": { "Cmd": ["true"] },
        "rootfs": { "type": "layers", "diff_ids": diff_ids } });
    fs::write(folder.join("config.json"), serde_json::to_vec(&config)?)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
}

fn layer(files: &mut impl Iterator<Item = PathBuf>) -> Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut size = 0;
    while size < LAYER_BYTES {
        let path = files.next().context("this machine has too few files for the image")?;
        let Ok(metadata) = fs::metadata(&path) else { continue };
        size += metadata.len();
        builder.append_path_with_name(&path, path.strip_prefix("/")?)?;
    }
    Ok(builder.into_inner()?)
}

/// Serves the folder, prints the registry's address, and ends when standard input does.
pub(crate) fn serve(folder: &Path) -> Result<()> {
    let registry = Registry::start(Behaviour::default())?;
    let config = fs::read(folder.join("config.json"))?;
    let config_size = config.len();
    let config_digest = registry.add_blob(REPOSITORY, config);
    let mut layers = Vec::new();
    for number in 0..2 {
        let bytes = fs::read(folder.join(format!("layer-{number}.tar.gz")))?;
        let size = bytes.len();
        let digest = registry.add_blob(REPOSITORY, bytes);
        layers.push(
            json!({ "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": size, "digest": digest }),
        );
    }
    let media_type = "application/vnd.docker.distribution.manifest.v2+json";
    let manifest = json!({ "schemaVersion": 2, "mediaType": media_type, "layers": layers, "config":
        { "mediaType": "application/vnd.docker.container.image.v1+json", "size": config_size, "digest": config_digest } });
    registry.add_manifest(REPOSITORY, "latest", media_type, serde_json::to_vec(&manifest)?);
    println!("{}/{REPOSITORY}:latest", registry.domain());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A registry in a process of its own; it ends when this value is dropped.
pub(crate) struct Server {
    child: Child,
    /// The reference to pull.
    pub(crate) reference: String,
}

impl Server {
    /// `command` runs this program, perhaps in other namespaces.
    pub(crate) fn start(mut command: Command, folder: &Path) -> Result<Self> {
        let mut child = command
            .arg("serve")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run the registry")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        Ok(Self { child, reference: line.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}
