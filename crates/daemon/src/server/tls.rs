//! TLS of the API.

use super::ListenError;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Certificates of the API, in PEM.
#[derive(Debug, Clone)]
pub(crate) struct TlsSettings {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    /// Authorities whose clients are let in; none to let everybody in.
    pub(crate) client_ca: Option<PathBuf>,
}

impl TlsSettings {
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, ListenError> {
        let provider = Arc::new(ring::default_provider());
        let refused = |error: rustls::Error| ListenError::Tls(error.to_string());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions().map_err(refused)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                let verifier = verifier.build().map_err(|error| ListenError::Tls(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config =
            builder.with_single_cert(certificates(&self.cert)?, private_key(&self.key)?).map_err(refused)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ListenError> {
    let unusable = |error: &dyn std::fmt::Display| ListenError::Tls(format!("{}: {error}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| unusable(&error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| unusable(&error))?;
    if found.is_empty() { Err(unusable(&"no certificate")) } else { Ok(found) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ListenError> {
    let unusable = |error: &dyn std::fmt::Display| ListenError::Tls(format!("{}: {error}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| unusable(&error))?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| unusable(&error))
}
