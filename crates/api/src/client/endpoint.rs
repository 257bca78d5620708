//! Where an engine is reached: `DOCKER_HOST` and what belongs to it.

use std::fmt;
use std::path::PathBuf;
use url::Url;

use super::SshTarget;

/// Address of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A unix socket, `unix:///run/teu/teu.sock`.
    Unix(PathBuf),
    /// TCP, with TLS if there are certificates, `tcp://host:2375`.
    Tcp {
        /// Name or address; IPv6 without brackets.
        host: String,
        /// Port.
        port: u16,
        /// Path before every route, without a slash at its end.
        base: String,
        /// Certificates; none for plain TCP.
        tls: Option<TlsFiles>,
    },
    /// A socket on another machine, `ssh://user@host`.
    Ssh(SshTarget),
}

/// Certificate files of a TLS endpoint, in PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Authorities that may sign the engine's certificate; none for the system's.
    pub ca: Option<PathBuf>,
    /// The client's certificate.
    pub cert: Option<PathBuf>,
    /// Key of the client's certificate.
    pub key: Option<PathBuf>,
    /// Whether the engine's certificate is verified at all.
    pub verify: bool,
}

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Not an address of a known kind.
    #[error("unable to parse docker host `{0}`")]
    Parse(String),
    /// An address of a kind not served.
    #[error("unsupported protocol scheme {0}://")]
    Scheme(String),
    /// An address by `ssh` that cannot be used.
    #[error("invalid address {address}: {reason}")]
    Ssh {
        /// What was written, without secrets.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A certificate or key cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds no certificate or key.
    #[error("no {what} in {path}")]
    Empty {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// A file is not PEM.
    #[error("{path}: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls_pki_types::pem::Error,
    },
    /// Certificates that do not belong together or cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl Endpoint {
    /// Reads an address as Docker's `--host` and `DOCKER_HOST` write it. `tls` is used for TCP addresses.
    ///
    /// # Errors
    /// The text is no address, or one of a kind that is not spoken.
    pub fn parse(text: &str, tls: Option<TlsFiles>) -> Result<Self, EndpointError> {
        let parse = || EndpointError::Parse(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(parse)?;
        match scheme {
            "unix" if rest.is_empty() => Err(parse()),
            "unix" => Ok(Self::Unix(PathBuf::from(rest))),
            "tcp" | "http" | "https" => {
                // `tcp` is no scheme of the URL standard, which would leave the host's case and brackets alone.
                let url = Url::parse(&format!("http://{rest}")).map_err(|_| parse())?;
                let host = url.host_str().ok_or_else(parse)?.trim_matches(['[', ']']).to_owned();
                let default = if tls.is_some() || scheme == "https" { 2376 } else { 2375 };
                let port = explicit_port(rest).or(url.port()).unwrap_or(default);
                let base = url.path().trim_end_matches('/').to_owned();
                let tls = if scheme == "https" {
                    Some(tls.unwrap_or(TlsFiles { verify: true, ..TlsFiles::default() }))
                } else {
                    tls
                };
                Ok(Self::Tcp { host, port, base, tls })
            }
            "ssh" => SshTarget::parse(text).map(Self::Ssh),
            other => Err(EndpointError::Scheme(other.to_owned())),
        }
    }

    /// Path before every route, without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        match self {
            Self::Unix(_) | Self::Ssh(_) => "",
            Self::Tcp { base, .. } => base,
        }
    }

    /// Value of the `Host` header. Docker's client sends a fixed name over unix sockets.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Unix(_) | Self::Ssh(_) => "api.moby.localhost".to_owned(),
            Self::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port, .. } => format!("{host}:{port}"),
        }
    }
}

/// The port as written: the URL parser drops 80, which is its scheme's default but not ours.
fn explicit_port(rest: &str) -> Option<u16> {
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit_once(':')?.1.parse().ok()
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Ssh(target) => target.fmt(f),
            Self::Tcp { base, .. } => write!(f, "tcp://{}{base}", self.authority()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_docker_reads_them() {
        let parse = |text| Endpoint::parse(text, None);
        assert_eq!(parse("unix:///run/x.sock").unwrap(), Endpoint::Unix("/run/x.sock".into()));
        for (text, shown) in [
            ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375"),
            ("tcp://h", "tcp://h:2375"),
            ("tcp://h:80/base/", "tcp://h:80/base"),
            ("tcp://[::1]:99", "tcp://[::1]:99"),
            ("https://h", "tcp://h:2376"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), shown);
        }
        for bad in ["", "/run/x.sock", "unix://", "ssh://", "npipe://h", "tcp://", "tcp://h:x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let tls = Endpoint::parse("tcp://h", Some(TlsFiles::default())).unwrap();
        assert_eq!(tls.to_string(), "tcp://h:2376");
    }
}
