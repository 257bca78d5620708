//! Where contexts are kept: Docker's own format, so that both command lines see the same ones.
//!
//! ```text
//! <configuration>/contexts/meta/<sha256 of the name>/meta.json
//!                          tls/<sha256 of the name>/<endpoint>/{ca,cert,key}.pem
//! ```

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use teu_oci::digest::Digest;

use crate::error::go_io;

/// The endpoint that all contexts here have.
pub(crate) const DOCKER: &str = "docker";
/// What names look like, in the words of Docker's message.
const NAMES: &str = "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$";

/// A context. What other programs put into it stays there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Meta {
    /// Its name.
    pub(crate) name: String,
    /// `Description`, and what others keep there.
    pub(crate) metadata: Map<String, Value>,
    /// By kind; ours is [`DOCKER`].
    pub(crate) endpoints: Map<String, Value>,
}

/// Files by endpoint and name: certificates and keys.
pub(crate) type Files = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

impl Meta {
    /// The description; empty when there is none.
    pub(crate) fn description(&self) -> &str {
        self.metadata.get("Description").and_then(Value::as_str).unwrap_or_default()
    }

    /// Describes it; an empty text changes nothing.
    pub(crate) fn describe(&mut self, text: &str) {
        if !text.is_empty() {
            self.metadata.insert("Description".to_owned(), text.into());
        }
    }

    /// The address of its engine; `None` when it has none.
    pub(crate) fn host(&self) -> Option<&str> {
        self.endpoints.get(DOCKER)?.get("Host")?.as_str()
    }

    /// Whether the engine's certificate is not verified.
    pub(crate) fn skips_verification(&self) -> bool {
        self.endpoints.get(DOCKER).and_then(|docker| docker.get("SkipTLSVerify")?.as_bool()).unwrap_or(false)
    }

    /// Says where its engine is.
    pub(crate) fn set_endpoint(&mut self, host: &str, skip_verification: bool) {
        let docker = serde_json::json!({"Host": host, "SkipTLSVerify": skip_verification});
        self.endpoints.insert(DOCKER.to_owned(), docker);
    }
}

/// Refuses what cannot be a context's name.
pub(crate) fn check_name(name: &str) -> anyhow::Result<()> {
    if name == super::DEFAULT {
        bail!("{name:?} is a reserved context name");
    }
    let other = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'+' | b'-');
    let valid = name.len() > 1 && name.as_bytes()[0].is_ascii_alphanumeric() && name.bytes().all(other);
    if name.is_empty() {
        bail!("context name cannot be empty");
    }
    if !valid {
        bail!("context name {name:?} is invalid, names are validated against regexp {NAMES:?}");
    }
    Ok(())
}

/// All contexts of a user.
pub(crate) struct Store(PathBuf);

impl Store {
    /// The contexts below Docker's configuration directory.
    pub(crate) fn below(directory: &Path) -> Self {
        Self(directory.join("contexts"))
    }

    /// Folder of a context's metadata.
    pub(crate) fn meta_folder(&self, name: &str) -> PathBuf {
        self.0.join("meta").join(id(name))
    }

    /// Folder of a context's certificates.
    pub(crate) fn tls_folder(&self, name: &str) -> PathBuf {
        self.0.join("tls").join(id(name))
    }

    /// All contexts, by name as people sort: `c2` comes before `c10`.
    pub(crate) fn list(&self) -> anyhow::Result<Vec<Meta>> {
        let entries = fs::read_dir(self.0.join("meta")).into_iter().flatten().flatten();
        let mut all = Vec::new();
        for path in entries.map(|entry| entry.path().join("meta.json")).filter(|path| path.exists()) {
            all.push(read(&path)?);
        }
        all.sort_by(|a: &Meta, b: &Meta| crate::format::natural::compare(&a.name, &b.name));
        Ok(all)
    }

    /// Whether there is a context of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.meta_folder(name).join("meta.json").exists()
    }

    /// The context of this name.
    pub(crate) fn get(&self, name: &str) -> anyhow::Result<Meta> {
        let found = read(&self.meta_folder(name).join("meta.json"));
        found.map_err(|error| anyhow::anyhow!("context {name:?}: context not found: {error:#}"))
    }

    /// Writes a context's metadata, whole or not at all.
    pub(crate) fn put(&self, meta: &Meta) -> anyhow::Result<()> {
        let folder = self.meta_folder(&meta.name);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        write(&folder.join("meta.json"), &serde_json::to_vec(meta)?, 0o644)
    }

    /// Certificates and keys of a context.
    pub(crate) fn files(&self, name: &str) -> anyhow::Result<Files> {
        let mut files = Files::new();
        for endpoint in fs::read_dir(self.tls_folder(name)).into_iter().flatten().flatten() {
            let of = files.entry(endpoint.file_name().to_string_lossy().into_owned()).or_default();
            for file in fs::read_dir(endpoint.path()).into_iter().flatten().flatten() {
                let path = file.path();
                let bytes = fs::read(&path).map_err(|error| go_io("open", &path.display().to_string(), &error))?;
                of.insert(file.file_name().to_string_lossy().into_owned(), bytes);
            }
        }
        files.retain(|_, of| !of.is_empty());
        Ok(files)
    }

    /// Replaces a context's certificates and keys.
    pub(crate) fn put_files(&self, name: &str, files: &Files) -> anyhow::Result<()> {
        let folder = self.tls_folder(name);
        remove(&folder)?;
        for (endpoint, of) in files {
            let folder = folder.join(endpoint);
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.with_context(|| folder.display().to_string())?;
            for (file, bytes) in of {
                write(&folder.join(file), bytes, 0o600)?;
            }
        }
        Ok(())
    }

    /// Removes a context with its certificates.
    pub(crate) fn remove(&self, name: &str) -> anyhow::Result<()> {
        remove(&self.meta_folder(name))?;
        remove(&self.tls_folder(name))
    }
}

/// What a context's folders are called.
fn id(name: &str) -> String {
    Digest::of(name.as_bytes()).hex()
}

fn read(path: &Path) -> anyhow::Result<Meta> {
    let bytes = fs::read(path).map_err(|error| go_io("open", &path.display().to_string(), &error))?;
    serde_json::from_slice(&bytes).with_context(|| format!("parsing {}", path.display()))
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(go_io("remove", &folder.display().to_string(), &error))
        }
        _ => Ok(()),
    }
}

/// Writes a file that appears whole, readable for whom `mode` says.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let new = path.with_extension(format!("new{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = File::options().write(true).create(true).truncate(true).mode(mode).open(&new)?;
        file.write_all(bytes)?;
        drop(file);
        fs::rename(&new, path)
    };
    write().map_err(|error| {
        // It may not have come into being.
        drop(fs::remove_file(&new));
        go_io("write", &path.display().to_string(), &error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_kept_in_dockers_form() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::below(directory.path());
        assert_eq!(store.list().unwrap(), []);
        let mut meta = Meta { name: "remote".to_owned(), ..Meta::default() };
        meta.set_endpoint("tcp://h:2376", true);
        meta.endpoints.insert("kubernetes".to_owned(), serde_json::json!({"x": 1}));
        meta.describe("far away");
        store.put(&meta).unwrap();
        let files = Files::from([(DOCKER.to_owned(), BTreeMap::from([("ca.pem".to_owned(), b"CA".to_vec())]))]);
        store.put_files("remote", &files).unwrap();

        let text = fs::read_to_string(store.meta_folder("remote").join("meta.json")).unwrap();
        assert_eq!(
            text,
            r#"{"Name":"remote","Metadata":{"Description":"far away"},"Endpoints":{"docker":{"Host":"tcp://h:2376","SkipTLSVerify":true},"kubernetes":{"x":1}}}"#
        );
        let found = store.get("remote").unwrap();
        assert_eq!(
            (found.host(), found.skips_verification(), found.description()),
            (Some("tcp://h:2376"), true, "far away")
        );
        assert_eq!(store.files("remote").unwrap(), files);
        assert_eq!(store.list().unwrap(), [meta]);
        store.remove("remote").unwrap();
        assert!(!store.contains("remote") && store.files("remote").unwrap().is_empty());
        let missing = store.get("remote").unwrap_err().to_string();
        assert!(
            missing.starts_with("context \"remote\": context not found: open /")
                && missing.ends_with("meta.json: no such file or directory")
        );
    }

    #[test]
    fn names() {
        for name in ["c1", "a.b_c+d-e", "0x"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "x", "default", "bad name", "-ab", "../x", "a/b"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
