//! `config.json`: Docker's, and over it our own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::proxies::Proxies;

/// The parts of Docker's `config.json` that concern us. Unknown members are left alone.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ConfigFile {
    /// Credentials by registry.
    pub(crate) auths: BTreeMap<String, Auth>,
    /// Headers sent with every request.
    #[serde(rename = "HttpHeaders")]
    pub(crate) http_headers: BTreeMap<String, String>,
    /// Default of `ps --format`.
    pub(crate) ps_format: String,
    /// Default of `images --format`.
    pub(crate) images_format: String,
    /// Default of `stats --format`.
    pub(crate) stats_format: String,
    /// Default of `network ls --format`.
    pub(crate) networks_format: String,
    /// Default of `volume ls --format`.
    pub(crate) volumes_format: String,
    /// Keys that detach from a container.
    pub(crate) detach_keys: String,
    /// Credential helper for all registries.
    pub(crate) creds_store: String,
    /// Credential helper by registry.
    pub(crate) cred_helpers: BTreeMap<String, String>,
    /// Filters of every prune.
    pub(crate) prune_filters: Vec<String>,
    /// Context in use.
    pub(crate) current_context: String,
    /// Proxies for containers, by the address of the engine or `default`.
    pub(super) proxies: BTreeMap<String, Proxies>,
}

/// Credentials of a registry.
#[derive(Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Auth {
    /// `user:password` in base64.
    pub(crate) auth: String,
    /// User name, when not in `auth`.
    pub(crate) username: String,
    /// Password, when not in `auth`.
    pub(crate) password: String,
    /// Token in place of user and password.
    #[serde(rename = "identitytoken")]
    pub(crate) identity_token: String,
    /// Token sent to the registry as it is.
    #[serde(rename = "registrytoken")]
    pub(crate) registry_token: String,
}

// Secrets stay out of logs and panics.
impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("username", &self.username).finish_non_exhaustive()
    }
}

impl ConfigFile {
    /// Reads the files: Docker's from `--config`, `DOCKER_CONFIG` or `~/.docker`, then our own from `TEU_CONFIG` or
    /// `~/.config/teu`, whose members win. A missing file is an empty one.
    pub(crate) fn load(flag: Option<&str>) -> anyhow::Result<Self> {
        let docker = directory(flag).map(|directory| directory.join("config.json"));
        let own = std::env::var_os("TEU_CONFIG")
            .map(PathBuf::from)
            .or_else(|| home().map(|home| home.join(".config/teu")))
            .map(|directory| directory.join("config.json"));
        let mut merged = serde_json::Map::new();
        for path in [docker, own].into_iter().flatten() {
            merged.extend(read(&path)?);
        }
        Self::of(merged)
    }

    /// As tolerant as Docker: `null` is nothing, and letters may be large or small.
    pub(crate) fn of(members: serde_json::Map<String, serde_json::Value>) -> anyhow::Result<Self> {
        teu_api::json::from_value(&members.into()).context("config.json")
    }

    /// `HttpHeaders`, checked. The client's own name cannot be changed, as with Docker.
    pub(crate) fn headers(&self) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.http_headers {
            let wrong = || format!("HttpHeaders in config.json: {name:?} is no header");
            let parsed = name.parse::<HeaderName>().with_context(wrong)?;
            if parsed != http::header::USER_AGENT {
                headers.insert(parsed, HeaderValue::from_str(value).with_context(wrong)?);
            }
        }
        Ok(headers)
    }
}

/// Writes down which context is in use, in Docker's file; none for the default one. All else in it stays.
pub(crate) fn set_current_context(flag: Option<&str>, name: Option<&String>) -> anyhow::Result<()> {
    change(flag, |config| {
        match name {
            Some(name) => config.insert("currentContext".to_owned(), name.as_str().into()),
            None => config.remove("currentContext"),
        };
    })
}

/// Changes Docker's file. All that is not changed stays.
pub(super) fn change(
    flag: Option<&str>,
    change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
) -> anyhow::Result<()> {
    let directory = directory(flag).context("no home directory: say with --config where the configuration is")?;
    let path = directory.join("config.json");
    let before = read(&path)?;
    let mut config = before.clone();
    change(&mut config);
    if config == before {
        return Ok(());
    }
    config.entry("auths").or_insert_with(|| serde_json::Map::new().into());
    std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let mut bytes = Vec::new();
    let layout = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    config.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, layout))?;
    // A link stays one: what it leads to is replaced.
    let target = std::fs::canonicalize(&path).unwrap_or(path);
    super::context::store::write(&target, &bytes, 0o600)
}

fn read(path: &Path) -> anyhow::Result<serde_json::Map<String, serde_json::Value>> {
    match std::fs::read(path) {
        Ok(bytes) if bytes.is_empty() => Ok(serde_json::Map::new()),
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| path.display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(serde_json::Map::new()),
        Err(error) => Err(crate::error::go_io("open", &path.display().to_string(), &error)),
    }
}

/// The directory of Docker's client configuration.
pub(crate) fn directory(flag: Option<&str>) -> Option<PathBuf> {
    flag.map(PathBuf::from)
        .or_else(|| std::env::var_os("DOCKER_CONFIG").map(PathBuf::from))
        .or_else(|| home().map(|home| home.join(".docker")))
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_members_are_left_alone() {
        let text = r#"{"auths":{"r.example":{"auth":"dTpw"}},"psFormat":"{{.ID}}","detachKeys":"ctrl-x","foo":1,
            "HttpHeaders":{"X-A":"b"},"credHelpers":{"gcr.io":"gcloud"},"currentContext":"remote"}"#;
        let config: ConfigFile = serde_json::from_str(text).unwrap();
        assert_eq!(config.ps_format, "{{.ID}}");
        assert_eq!(config.http_headers["X-A"], "b");
        assert_eq!(config.cred_helpers["gcr.io"], "gcloud");
        assert_eq!(config.current_context, "remote");
        assert!(!format!("{:?}", config.auths).contains("dTpw"));
    }

    #[test]
    fn null_is_nothing_and_case_does_not_matter() {
        let read = |text: &str| ConfigFile::of(serde_json::from_str(text).unwrap());
        let nothing = r#"{"auths":null,"credHelpers":null,"psFormat":null,"pruneFilters":null,"HttpHeaders":null}"#;
        assert_eq!(read(nothing).unwrap(), ConfigFile::default());
        let config = read(r#"{"httpheaders":{"X-A":"b"},"auths":{"R.example":null},"PSFORMAT":"x"}"#).unwrap();
        assert_eq!((config.http_headers["X-A"].as_str(), config.ps_format.as_str()), ("b", "x"));
        assert_eq!(config.auths["R.example"], Auth::default());
        assert!(format!("{:#}", read(r#"{"auths":1}"#).unwrap_err()).starts_with("config.json: "));
    }

    #[test]
    fn headers_are_checked() {
        let config = |name: &str, value: &str| ConfigFile {
            http_headers: BTreeMap::from([(name.to_owned(), value.to_owned())]),
            ..ConfigFile::default()
        };
        assert_eq!(config("X-Team", "blue").headers().unwrap()["x-team"], "blue");
        assert!(config("User-Agent", "me").headers().unwrap().is_empty());
        for (name, value) in [("no header", "x"), ("X-A", "two\nlines")] {
            let error = format!("{:#}", config(name, value).headers().unwrap_err());
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn files_are_optional_and_errors_name_them() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(&directory.path().join("config.json")).unwrap().is_empty());
        let broken = directory.path().join("broken.json");
        std::fs::write(&broken, "{").unwrap();
        assert!(format!("{:#}", read(&broken).unwrap_err()).contains("broken.json"));
    }
}
