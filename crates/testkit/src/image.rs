//! Images made from local files, as archives that `load` takes.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tar::{EntryType, Header};
use teu_oci::digest::Digest;

/// The time of everything in a made image, so that equal content gives equal digests: 2024-01-01.
pub const MTIME: u64 = 1_704_067_200;

/// The tar of one layer in the making.
pub struct Layer(tar::Builder<Vec<u8>>);

impl Default for Layer {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer {
    /// An empty layer.
    #[must_use]
    pub fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    /// Adds a directory.
    #[must_use]
    pub fn dir(self, path: &str, mode: u32) -> Self {
        let mut header = header(EntryType::Directory, mode);
        self.entry(&mut header, path, &[])
    }

    /// Adds a regular file.
    #[must_use]
    pub fn file(self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        let mut header = header(EntryType::Regular, mode);
        self.entry(&mut header, path, content.as_ref())
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.link(EntryType::Symlink, path, target)
    }

    /// Adds a hard link to a path of the same layer.
    #[must_use]
    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.link(EntryType::Link, path, target)
    }

    /// Hides a path of the layers below.
    #[must_use]
    pub fn whiteout(self, path: &str) -> Self {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.file(&join(parent, &format!(".wh.{name}")), 0o644, b"")
    }

    /// Hides everything that the layers below have in a directory.
    #[must_use]
    pub fn opaque(self, path: &str) -> Self {
        self.file(&join(path, ".wh..wh..opq"), 0o644, b"")
    }

    /// Adds an entry with a header of the caller's own: owner, device numbers, odd types.
    ///
    /// # Panics
    /// When the tar writer refuses the entry.
    #[must_use]
    pub fn entry(mut self, header: &mut Header, path: &str, content: &[u8]) -> Self {
        header.set_size(content.len() as u64);
        self.0.append_data(header, path, content).unwrap_or_else(|error| panic!("{path}: {error}"));
        self
    }

    /// The tar.
    ///
    /// # Panics
    /// Never: it is written to memory.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0.into_inner().expect("writing to memory")
    }

    fn link(mut self, kind: EntryType, path: &str, target: &str) -> Self {
        let mut header = header(kind, 0o777);
        self.0.append_link(&mut header, path, target).unwrap_or_else(|error| panic!("{path}: {error}"));
        self
    }
}

/// A header of root's with [`MTIME`].
#[must_use]
pub fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(MTIME);
    header.set_size(0);
    header
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}

/// An image in the making.
#[derive(Clone)]
pub struct Image {
    names: Vec<String>,
    layers: Vec<Vec<u8>>,
    config: Value,
}

impl Image {
    /// An image with this name (`busybox:latest`) and no layers.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { names: vec![name.to_owned()], layers: Vec::new(), config: json!({ "Env": [DEFAULT_PATH] }) }
    }

    /// Gives it one more name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// Puts a layer (an uncompressed tar) on top.
    #[must_use]
    pub fn layer(mut self, tar: Vec<u8>) -> Self {
        self.layers.push(tar);
        self
    }

    /// Sets a member of the container configuration: `("Cmd", json!(["sh"]))`, in Docker's names.
    #[must_use]
    pub fn set(mut self, member: &str, value: Value) -> Self {
        self.config[member] = value;
        self
    }

    /// Sets the command.
    #[must_use]
    pub fn cmd(self, command: &[&str]) -> Self {
        self.set("Cmd", json!(command))
    }

    /// The bytes of the image configuration.
    ///
    /// # Panics
    /// Never: it is plain JSON.
    #[must_use]
    pub fn config(&self) -> Vec<u8> {
        let diff_ids: Vec<_> = self.layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
        let history: Vec<_> = diff_ids.iter().map(|_| json!({ "created": CREATED, "created_by": "testkit" })).collect();
        let config = json!({
            "architecture": architecture(), "os": "linux", "created": CREATED, "config": self.config,
            "rootfs": { "type": "layers", "diff_ids": diff_ids }, "history": history,
        });
        serde_json::to_vec(&config).expect("plain JSON")
    }

    /// The layers, bottom first.
    #[must_use]
    pub fn layers(&self) -> &[Vec<u8>] {
        &self.layers
    }

    /// The image's id.
    #[must_use]
    pub fn id(&self) -> Digest {
        Digest::of(&self.config())
    }

    /// An archive as `docker save` wrote it before version 25: `manifest.json`, configuration, `<id>/layer.tar`.
    #[must_use]
    pub fn docker_archive(&self) -> Vec<u8> {
        archive(std::slice::from_ref(self))
    }

    /// An archive with an OCI image layout, the layers compressed with gzip.
    ///
    /// # Panics
    /// Never: it is written to memory.
    #[must_use]
    pub fn oci_archive(&self) -> Vec<u8> {
        let mut tar = Layer::new().file("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#);
        let blob =
            |tar: Layer, bytes: &[u8]| tar.file(&format!("blobs/sha256/{}", Digest::of(bytes).hex()), 0o444, bytes);
        let describe = |kind: &str, bytes: &[u8]| json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": Digest::of(bytes), "size": bytes.len() });
        let config = self.config();
        tar = blob(tar, &config);
        let mut layers = Vec::new();
        for layer in &self.layers {
            let layer = gzip(layer);
            layers.push(describe("layer.v1.tar+gzip", &layer));
            tar = blob(tar, &layer);
        }
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": describe("config.v1+json", &config), "layers": layers,
        });
        let manifest = serde_json::to_vec(&manifest).expect("plain JSON");
        tar = blob(tar, &manifest);
        let manifests: Vec<_> = self
            .names
            .iter()
            .map(|name| {
                let mut descriptor = describe("manifest.v1+json", &manifest);
                descriptor["annotations"] = json!({ "io.containerd.image.name": name });
                descriptor
            })
            .collect();
        let index = serde_json::to_vec(&json!({ "schemaVersion": 2, "manifests": manifests })).expect("plain JSON");
        tar.file("index.json", 0o644, index).finish()
    }
}

/// One archive with several images, in the older format of `docker save`.
///
/// # Panics
/// Never: it is written to memory.
#[must_use]
pub fn archive(images: &[Image]) -> Vec<u8> {
    let mut tar = Layer::new();
    let mut manifest = Vec::new();
    let mut written = std::collections::BTreeSet::new();
    for image in images {
        let config = image.config();
        let config_name = format!("{}.json", Digest::of(&config).hex());
        let mut layer_names = Vec::new();
        for layer in &image.layers {
            let name = format!("{}/layer.tar", Digest::of(layer).hex());
            if written.insert(name.clone()) {
                tar = tar.file(&name, 0o644, layer);
            }
            layer_names.push(name);
        }
        if written.insert(config_name.clone()) {
            tar = tar.file(&config_name, 0o644, config);
        }
        manifest.push(json!({ "Config": config_name, "RepoTags": image.names, "Layers": layer_names }));
    }
    tar.file("manifest.json", 0o644, serde_json::to_vec(&manifest).expect("plain JSON")).finish()
}

/// The `PATH` of made images.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// [`MTIME`] in RFC 3339.
const CREATED: &str = "2024-01-01T00:00:00Z";

/// This machine's architecture in Go's names.
#[must_use]
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Compresses with gzip.
///
/// # Panics
/// Never: it is written to memory.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// Where Debian's `busybox-static` is, if installed; `TEU_TEST_BUSYBOX` names another static busybox.
#[must_use]
pub fn busybox_path() -> Option<std::path::PathBuf> {
    std::env::var_os("TEU_TEST_BUSYBOX").map(Into::into).or_else(|| {
        ["/bin/busybox", "/usr/bin/busybox"].iter().map(Into::into).find(|path: &std::path::PathBuf| path.exists())
    })
}

/// An image of busybox with all its applets, accounts and the usual empty directories, as Docker's official one.
///
/// # Errors
/// When no static busybox is installed.
pub fn busybox(name: &str) -> Result<Image> {
    let path = busybox_path().context("no static busybox: apt-get install busybox-static, or set TEU_TEST_BUSYBOX")?;
    Ok(Image::new(name).layer(busybox_layer(&path)?).cmd(&["sh"]))
}

/// The layer of [`busybox`], from this executable.
///
/// # Errors
/// When it cannot be read or run.
pub fn busybox_layer(executable: &Path) -> Result<Vec<u8>> {
    let content = std::fs::read(executable).with_context(|| format!("cannot read {}", executable.display()))?;
    let applets = Command::new(executable).arg("--list").output().context("cannot run busybox")?;
    let mut layer = Layer::new();
    for (path, mode) in
        [("bin", 0o755), ("etc", 0o755), ("home", 0o755), ("root", 0o700), ("tmp", 0o1777), ("var", 0o755)]
    {
        layer = layer.dir(path, mode);
    }
    layer = layer.file("bin/busybox", 0o755, content);
    for applet in String::from_utf8_lossy(&applets.stdout).lines().filter(|applet| *applet != "busybox") {
        layer = layer.hard_link(&format!("bin/{applet}"), "bin/busybox");
    }
    let accounts = layer
        .dir("dev", 0o755)
        .dir("var/www", 0o755)
        .file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n")
        .file("etc/group", 0o644, "root:x:0:\nnogroup:x:65534:\n");
    Ok(accounts.finish())
}
