//! Docker contexts, read only.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;
use teu_api::client::TlsFiles;

/// The context that is not stored: flags, environment, defaults.
pub(crate) const DEFAULT: &str = "default";

/// Where a context's engine is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Address, as `--host` takes it.
    pub(crate) host: String,
    /// Certificates, when the context has any.
    pub(crate) tls: Option<TlsFiles>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<Docker>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Docker {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// Looks a context up below Docker's configuration directory.
pub(crate) fn load(directory: &Path, name: &str) -> anyhow::Result<Target> {
    let contexts = directory.join("contexts");
    let entries = std::fs::read_dir(contexts.join("meta")).into_iter().flatten().flatten();
    for entry in entries {
        let path = entry.path().join("meta.json");
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let meta: Meta = serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
        if meta.name != name {
            continue;
        }
        let Some(docker) = meta.endpoints.docker else {
            bail!("context {name:?}: no docker endpoint");
        };
        // The directory's name is the context's id; certificates are kept under the same.
        let certificates = contexts.join("tls").join(entry.file_name()).join("docker");
        return Ok(Target { host: docker.host, tls: tls(&certificates, docker.skip_tls_verify) });
    }
    bail!("context {name:?}: context not found: open {}: no such file or directory", contexts.display())
}

fn tls(directory: &Path, skip_verify: bool) -> Option<TlsFiles> {
    let file = |name: &str| -> Option<PathBuf> { Some(directory.join(name)).filter(|path| path.exists()) };
    let files = TlsFiles { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem"), verify: !skip_verify };
    (files.ca.is_some() || files.cert.is_some() || skip_verify).then_some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_found_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let meta = directory.path().join("contexts/meta/abc");
        let tls = directory.path().join("contexts/tls/abc/docker");
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::create_dir_all(&tls).unwrap();
        std::fs::write(tls.join("ca.pem"), "").unwrap();
        let text =
            r#"{"Name":"remote","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://h:2376","SkipTLSVerify":false}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        let target = load(directory.path(), "remote").unwrap();
        assert_eq!(target.host, "tcp://h:2376");
        let files = target.tls.unwrap();
        assert!(files.verify && files.ca.is_some() && files.key.is_none());
        assert!(load(directory.path(), "other").unwrap_err().to_string().contains("context not found"));
    }
}
