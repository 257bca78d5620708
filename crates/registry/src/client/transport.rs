//! How a registry is reached: addresses, mirrors, TLS.

use crate::Error;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How registries are reached, from the daemon's configuration.
#[derive(Debug, Clone, Default)]
pub struct RegistryConfig {
    /// Registries (`host[:port]`) or networks (`10.0.0.0/8`) reached without checking certificates, over HTTP if need be.
    pub insecure: Vec<String>,
    /// Base addresses asked before the default registry.
    pub mirrors: Vec<String>,
    /// Folder with `<host[:port]>/{ca.crt,client.cert,client.key}`; Docker's is `/etc/docker/certs.d`.
    pub certificates: Option<PathBuf>,
    /// `User-Agent` of every request.
    pub user_agent: String,
}

/// One base address at which a registry may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `https://host[:port]`, without a slash at the end.
    pub(crate) base: String,
    /// Whether certificates are checked.
    pub(crate) verify: bool,
    /// Mirrors do not get the user's credentials.
    pub(crate) mirror: bool,
}

/// Docker's default registry answers at another name than its images carry.
const DEFAULT_DOMAIN: &str = "docker.io";
const DEFAULT_HOST: &str = "registry-1.docker.io";

/// The addresses to try for images of `domain`, in order.
pub(crate) fn endpoints(config: &RegistryConfig, domain: &str) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    if domain == DEFAULT_DOMAIN {
        for mirror in &config.mirrors {
            let base = mirror.trim_end_matches('/').to_owned();
            let host = base.split("://").nth(1).unwrap_or(&base).to_owned();
            endpoints.push(Endpoint { base, verify: !is_insecure(config, &host), mirror: true });
        }
    }
    let host = if domain == DEFAULT_DOMAIN { DEFAULT_HOST } else { domain };
    let insecure = is_insecure(config, host);
    endpoints.push(Endpoint { base: format!("https://{host}"), verify: !insecure, mirror: false });
    if insecure {
        endpoints.push(Endpoint { base: format!("http://{host}"), verify: false, mirror: false });
    }
    endpoints
}

fn is_insecure(config: &RegistryConfig, host: &str) -> bool {
    is_loopback(host) || config.insecure.iter().any(|entry| entry == host || network_contains(entry, host))
}

/// Registries on loopback are reached without TLS, as Docker does.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let name = host_name(host);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `host:port` and `[v6]:port` without the port.
fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match host.rsplit_once(':') {
        Some((name, _)) if !name.contains(':') => name,
        _ => host,
    }
}

/// Whether `network` is a CIDR block that contains the address `host`.
fn network_contains(network: &str, host: &str) -> bool {
    let Some((base, bits)) = network.split_once('/') else { return false };
    let (Ok(base), Ok(bits), Ok(address)) =
        (base.parse::<IpAddr>(), bits.parse::<u32>(), host_name(host).parse::<IpAddr>())
    else {
        return false;
    };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            u32::from(base) & mask == u32::from(address) & mask
        }
        (IpAddr::V6(base), IpAddr::V6(address)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            u128::from(base) & mask == u128::from(address) & mask
        }
        _ => false,
    }
}

/// An HTTP client for one endpoint's way of checking certificates.
pub(crate) fn http_client(config: &RegistryConfig, endpoint: &Endpoint) -> Result<reqwest::Client, Error> {
    let host = endpoint.base.split("://").nth(1).unwrap_or_default();
    let folder = config.certificates.as_ref().map(|folder| folder.join(host)).filter(|folder| folder.is_dir());
    let tls = tls_config(endpoint.verify, folder.as_deref())?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(&config.user_agent)
        .connect_timeout(Duration::from_secs(30))
        // A stalled transfer is an error that a new request can mend; a long one is not.
        .read_timeout(Duration::from_secs(60))
        .build()
        .map_err(|error| Error::transport("connect", &error))
}

fn tls_config(verify: bool, folder: Option<&Path>) -> Result<rustls::ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| certificates(Path::new("TLS"), &error))?;
    let builder = if verify {
        builder.with_root_certificates(roots(folder)?)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(insecure::AcceptAll(provider)))
    };
    match folder.map(client_identity).transpose()?.flatten() {
        Some((chain, key)) => {
            let path = folder.unwrap_or(Path::new(""));
            builder.with_client_auth_cert(chain, key).map_err(|error| certificates(path, &error))
        }
        None => Ok(builder.with_no_client_auth()),
    }
}

fn certificates(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Certificates { path: path.display().to_string(), reason: error.to_string() }
}

/// The machine's roots and the `*.crt` files of the registry's folder.
fn roots(folder: Option<&Path>) -> Result<rustls::RootCertStore, Error> {
    let mut roots = rustls::RootCertStore::empty();
    // A broken certificate among the machine's must not make the others useless.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for path in folder.map(|folder| files(folder, "crt")).unwrap_or_default() {
        for certificate in pem_certificates(&path)? {
            roots.add(certificate).map_err(|error| certificates(&path, &error))?;
        }
    }
    Ok(roots)
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
}

fn pem_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let parsed = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    parsed.map_err(|error| certificates(path, &error))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The first `NAME.cert` with its `NAME.key`, as Docker pairs them.
fn client_identity(folder: &Path) -> Result<Option<Identity>, Error> {
    let Some(path) = files(folder, "cert").into_iter().next() else { return Ok(None) };
    let key = path.with_extension("key");
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| certificates(&key, &error))?;
    Ok(Some((pem_certificates(&path)?, private)))
}

/// What `--insecure-registry` asks for: encryption without knowing with whom.
mod insecure {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};
    use std::sync::Arc;

    #[derive(Debug)]
    pub(super) struct AcceptAll(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for AcceptAll {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bases(config: &RegistryConfig, domain: &str) -> Vec<String> {
        endpoints(config, domain).into_iter().map(|endpoint| endpoint.base).collect()
    }

    #[test]
    fn loopback_and_configured_registries_may_speak_http() {
        let config = RegistryConfig {
            insecure: vec!["10.1.0.0/16".to_owned(), "reg.example:5000".to_owned()],
            ..RegistryConfig::default()
        };
        for domain in ["127.0.0.1:5000", "localhost:5000", "[::1]:5000", "10.1.2.3", "reg.example:5000"] {
            assert_eq!(bases(&config, domain), [format!("https://{domain}"), format!("http://{domain}")]);
        }
        for domain in ["10.2.0.1:5000", "reg.example", "example.com"] {
            assert_eq!(bases(&config, domain), [format!("https://{domain}")]);
        }
    }

    #[test]
    fn mirrors_come_first_and_only_for_the_default_registry() {
        let config = RegistryConfig { mirrors: vec!["http://127.0.0.1:5001/".to_owned()], ..RegistryConfig::default() };
        assert_eq!(bases(&config, "docker.io"), ["http://127.0.0.1:5001", "https://registry-1.docker.io"]);
        assert_eq!(bases(&config, "example.com"), ["https://example.com"]);
        assert!(endpoints(&config, "docker.io")[0].mirror);
    }

    #[test]
    fn an_empty_prefix_contains_everything() {
        assert!(network_contains("0.0.0.0/0", "203.0.113.9:5000"));
        assert!(!network_contains("0.0.0.0/33", "203.0.113.9"));
        assert!(!network_contains("::/0", "203.0.113.9"));
    }
}
