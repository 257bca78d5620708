//! From a reference to the one manifest to pull, through indexes.

use super::PullError;
use super::layers::Source;
use crate::platform::{self, host_platform};
use serde::Deserialize;
use teu_oci::digest::Digest;
use teu_oci::image::{Index, Manifest, Platform, media_type};
use teu_oci::reference::Reference;

/// Indexes may name indexes; real ones do so once.
const NESTING: usize = 3;

/// What tells a manifest from an index when a registry does not say (OCI image specification, "Media Type Conflicts").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    config: Option<serde::de::IgnoredAny>,
}

/// The digest that the reference stands for (of an index, if it names one), and the manifest for the platform.
pub(super) async fn fetch(
    source: &Source,
    reference: &Reference,
    wanted: Option<&Platform>,
) -> Result<(Digest, Manifest), PullError> {
    let named = reference.digest();
    let name = named.map(|digest| digest.to_string()).or_else(|| reference.tag().map(str::to_owned));
    let mut name = name.unwrap_or_else(|| "latest".to_owned());
    let mut expected = named;
    let mut first = None;
    for _ in 0..NESTING {
        let raw = source.client.manifest(&source.repository, &name, source.credentials.as_ref()).await?;
        let digest = Digest::of(&raw.bytes);
        if let Some(expected) = expected {
            verify("manifest", &raw.bytes, expected)?;
        }
        let top = *first.get_or_insert(digest);
        match kind(&raw.media_type, &raw.bytes)? {
            Kind::Manifest => return Ok((top, parse("manifest", &raw.bytes)?)),
            Kind::Index => {
                let index: Index = parse("index", &raw.bytes)?;
                let host = host_platform();
                let wanted = wanted.unwrap_or(&host);
                let chosen = platform::choose(&index.manifests, wanted);
                let none = || PullError::NoMatchingManifest { platform: platform::display(wanted) };
                let chosen = chosen.ok_or_else(none)?.digest;
                name = chosen.to_string();
                expected = Some(chosen);
            }
            Kind::Other(media_type) => {
                return Err(PullError::MediaType { reference: reference.familiar(), media_type });
            }
        }
    }
    Err(PullError::Nesting(NESTING))
}

pub(crate) enum Kind {
    Manifest,
    Index,
    Other(String),
}

/// What a document is: by the registry's header, else by what it says of itself, else by its members.
pub(crate) fn kind(header: &str, bytes: &[u8]) -> Result<Kind, PullError> {
    let shape: Shape = parse("manifest", bytes)?;
    for media_type in [header, &shape.media_type] {
        if media_type::is_index(media_type) {
            return Ok(Kind::Index);
        }
        if media_type::is_manifest(media_type) {
            return Ok(Kind::Manifest);
        }
    }
    Ok(match (shape.manifests, shape.config) {
        (Some(_), None) => Kind::Index,
        (None, Some(_)) => Kind::Manifest,
        _ => Kind::Other(if header.is_empty() { shape.media_type } else { header.to_owned() }),
    })
}

fn parse<T: serde::de::DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, PullError> {
    serde_json::from_slice(bytes).map_err(|source| PullError::Document { what, source })
}

/// Compares content with the digest it was asked for by.
pub(super) fn verify(what: &'static str, bytes: &[u8], expected: Digest) -> Result<(), PullError> {
    let actual = Digest::of(bytes);
    if actual == expected { Ok(()) } else { Err(PullError::Digest { what, expected, actual }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_known_by_header_content_or_shape() {
        let kinds = |header: &str, text: &str| match kind(header, text.as_bytes()).unwrap() {
            Kind::Manifest => "manifest".to_owned(),
            Kind::Index => "index".to_owned(),
            Kind::Other(media_type) => media_type,
        };
        assert_eq!(kinds(media_type::OCI_INDEX, "{}"), "index");
        assert_eq!(kinds("", r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json"}"#), "manifest");
        assert_eq!(kinds("text/plain", r#"{"manifests":[]}"#), "index");
        assert_eq!(kinds("", r#"{"config":{}}"#), "manifest");
        let schema_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
        assert_eq!(kinds(schema_1, "{}"), schema_1);
        assert!(kind("", b"no json").is_err());
    }
}
