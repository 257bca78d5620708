//! Which engine is meant: flags, then environment, then contexts, then the default socket.

use std::path::{Path, PathBuf};

use anyhow::bail;
use teu_api::client::{Endpoint, TlsFiles};
use teu_api::version::ApiVersion;

use super::{ConfigFile, context, directory};
use crate::error::Error;
use crate::globals::Globals;

/// The engine's socket when nobody says otherwise.
pub(crate) const DEFAULT_SOCKET: &str = "/run/teu/teu.sock";

/// An engine, and whether it is the default one.
pub(crate) struct Target {
    /// Where it is.
    pub(crate) endpoint: Endpoint,
    /// Nobody asked for a particular one.
    pub(crate) is_default: bool,
}

/// Finds out which engine is meant.
pub(crate) fn resolve(globals: &Globals, config: &ConfigFile) -> anyhow::Result<Target> {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let chosen = choose(globals, config, env)?;
    let directory = directory(globals.config.as_deref()).unwrap_or_default();
    match chosen {
        Choice::Default => Ok(Target { endpoint: Endpoint::Unix(DEFAULT_SOCKET.into()), is_default: true }),
        Choice::Host(host) => {
            let tls = tls(globals, &directory, env)?;
            let host = address(&host, tls.is_some())?;
            Ok(Target { endpoint: Endpoint::parse(&host, tls)?, is_default: false })
        }
        Choice::Context(name) => {
            let target = context::load(&directory, &name)?;
            let host = address(&target.host, target.tls.is_some())?;
            let endpoint = Endpoint::parse(&host, target.tls)?;
            Ok(Target { endpoint, is_default: false })
        }
    }
}

/// The address of the engine when no context is in use.
pub(crate) fn default_host(globals: &Globals) -> String {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let host = globals.host.first().cloned().or_else(|| env("TEU_HOST")).or_else(|| env("DOCKER_HOST"));
    host.unwrap_or_else(|| format!("unix://{DEFAULT_SOCKET}"))
}

/// The name of the context in use.
pub(crate) fn context_name(globals: &Globals, config: &ConfigFile) -> String {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match choose(globals, config, env) {
        Ok(Choice::Context(name)) => name,
        _ => context::DEFAULT.to_owned(),
    }
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    Default,
    Host(String),
    Context(String),
}

fn choose(globals: &Globals, config: &ConfigFile, env: impl Fn(&str) -> Option<String>) -> anyhow::Result<Choice> {
    if globals.host.len() > 1 {
        bail!("Specify only one -H");
    }
    let named = |name: String| if name == context::DEFAULT { None } else { Some(Choice::Context(name)) };
    let from_environment = || env("TEU_HOST").or_else(|| env("DOCKER_HOST")).map(Choice::Host);
    match (globals.host.first(), &globals.context) {
        (Some(_), Some(_)) => bail!("conflicting options: cannot specify both --host and --context"),
        (Some(host), None) => Ok(Choice::Host(host.clone())),
        (None, Some(name)) => Ok(named(name.clone()).or_else(from_environment).unwrap_or(Choice::Default)),
        (None, None) => Ok(from_environment()
            .or_else(|| env("DOCKER_CONTEXT").and_then(named))
            .or_else(|| Some(config.current_context.clone()).filter(|name| !name.is_empty()).and_then(named))
            .unwrap_or(Choice::Default)),
    }
}

/// Completes an address as Docker does: `host:port`, `:port`, `unix://` alone.
fn address(text: &str, tls: bool) -> anyhow::Result<String> {
    let text = text.trim();
    if let Some(("npipe" | "fd", _)) = text.split_once("://") {
        bail!("{text}: this kind of address is not supported yet");
    }
    Ok(match text {
        "unix://" | "" => format!("unix://{DEFAULT_SOCKET}"),
        text if text.contains("://") => text.to_owned(),
        text => {
            let (host, port) = text.rsplit_once(':').unwrap_or((text, if tls { "2376" } else { "2375" }));
            let host = if host.is_empty() { "localhost" } else { host };
            format!("tcp://{host}:{port}")
        }
    })
}

/// Certificates for TCP, from flags, `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`.
fn tls(globals: &Globals, config: &Path, env: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<TlsFiles>> {
    let verify = globals.tlsverify || env("DOCKER_TLS_VERIFY").is_some();
    let enabled = verify || globals.tls || env("DOCKER_TLS").is_some();
    if !enabled {
        return Ok(None);
    }
    let directory = env("DOCKER_CERT_PATH").map_or_else(|| config.to_owned(), PathBuf::from);
    let file = |flag: &Option<String>, name: &str| match flag {
        Some(path) => Some(PathBuf::from(path)),
        None => Some(directory.join(name)).filter(|path| path.exists()),
    };
    let files = TlsFiles {
        ca: file(&globals.tlscacert, "ca.pem"),
        cert: file(&globals.tlscert, "cert.pem"),
        key: file(&globals.tlskey, "key.pem"),
        verify,
    };
    if files.cert.is_some() != files.key.is_some() {
        bail!("could not load X509 key pair: a certificate and its key are needed both");
    }
    Ok(Some(files))
}

/// The API version that `DOCKER_API_VERSION` asks for.
pub(crate) fn fixed_version() -> Result<Option<ApiVersion>, Error> {
    match std::env::var("DOCKER_API_VERSION") {
        Ok(text) if !text.is_empty() => {
            let text = text.strip_prefix('v').unwrap_or(&text);
            text.parse().map(Some).map_err(|error: teu_api::version::ParseError| Error::message(error.to_string()))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(host: &[&str], context: Option<&str>, current: &str, env: &[(&str, &str)]) -> Choice {
        let globals = Globals {
            host: host.iter().map(|host| (*host).to_owned()).collect(),
            context: context.map(str::to_owned),
            ..Globals::default()
        };
        let config = ConfigFile { current_context: current.to_owned(), ..ConfigFile::default() };
        let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        choose(&globals, &config, env).unwrap()
    }

    #[test]
    fn precedence() {
        let host = |text: &str| Choice::Host(text.into());
        let context = |text: &str| Choice::Context(text.into());
        assert_eq!(choice(&[], None, "", &[]), Choice::Default);
        assert_eq!(choice(&[], None, "c", &[]), context("c"));
        assert_eq!(choice(&[], None, "c", &[("DOCKER_CONTEXT", "d")]), context("d"));
        assert_eq!(choice(&[], None, "c", &[("DOCKER_CONTEXT", "d"), ("DOCKER_HOST", "h")]), host("h"));
        assert_eq!(choice(&[], None, "c", &[("TEU_HOST", "t"), ("DOCKER_HOST", "h")]), host("t"));
        assert_eq!(choice(&[], Some("x"), "c", &[("DOCKER_HOST", "h")]), context("x"));
        assert_eq!(choice(&[], Some("default"), "c", &[]), Choice::Default);
        assert_eq!(choice(&["f"], None, "c", &[("DOCKER_HOST", "h")]), host("f"));
    }

    #[test]
    fn addresses() {
        for (text, want) in [
            ("unix:///x", "unix:///x"),
            ("unix://", "unix:///run/teu/teu.sock"),
            ("h:1", "tcp://h:1"),
            (":1", "tcp://localhost:1"),
            ("h", "tcp://h:2375"),
        ] {
            assert_eq!(address(text, false).unwrap(), want);
        }
        assert!(address("npipe://h", false).is_err());
        assert_eq!(address("ssh://me@h", false).unwrap(), "ssh://me@h");
    }
}
