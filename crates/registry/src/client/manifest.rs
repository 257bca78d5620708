//! Manifests and indexes.

use super::{Client, Credentials, Repository, Request, bounded};
use crate::error::Error;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};

/// Docker and registries limit manifests to 4 MiB (distribution specification, section "Pushing Manifests").
const MANIFEST_LIMIT: usize = 4 * 1024 * 1024;

/// What we can read, the richest first.
const ACCEPTED: &[&str] = &[
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// A manifest or index as the registry sent it, unparsed: its digest is over these bytes.
#[derive(Debug, Clone)]
pub struct RawManifest {
    /// Media type from the answer's header.
    pub media_type: String,
    /// The exact bytes.
    pub bytes: Vec<u8>,
}

impl Client {
    /// Fetches the manifest or index that a tag or digest names. The caller verifies its digest.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`], [`Error::Denied`] or what the transport failed with.
    pub async fn manifest(
        &self,
        repository: &Repository,
        tag_or_digest: &str,
        credentials: Option<&Credentials>,
    ) -> Result<RawManifest, Error> {
        let mut headers = HeaderMap::new();
        for media_type in ACCEPTED {
            headers.append(ACCEPT, HeaderValue::from_static(media_type));
        }
        let path = format!("manifests/{tag_or_digest}");
        let request = Request { method: Method::GET, repository, credentials, path, headers };
        let response = self.send(&request).await.map_err(|error| unknown(error, repository, tag_or_digest))?;
        let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim().to_owned();
        Ok(RawManifest { media_type, bytes: bounded(response, MANIFEST_LIMIT, "manifest").await? })
    }
}

fn unknown(error: Error, repository: &Repository, tag_or_digest: &str) -> Error {
    match error {
        Error::Status { status: 404, detail, .. } => {
            let separator = if tag_or_digest.contains(':') { '@' } else { ':' };
            Error::ManifestUnknown { reference: format!("{repository}{separator}{tag_or_digest}"), detail }
        }
        other => other,
    }
}
