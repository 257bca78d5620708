//! Content digests, as in the OCI image specification, section "Digests" of `descriptor.md`.
//!
//! Teu works with `sha256` alone: it is the only algorithm registries and Docker write. Another one is a clear error.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// The bytes of a SHA-256 digest.
const SHA256_LEN: usize = 32;

/// A SHA-256 content digest, written `sha256:<64 lower-case hex digits>`.
///
/// Small and `Copy`; compares and hashes by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; SHA256_LEN]);

/// Why a text is no digest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseDigestError {
    /// There is no `algorithm:` before the value, or the value is no lower-case hex of the right length.
    #[error("invalid digest format: {0:?}")]
    Format(String),
    /// The algorithm is well formed but not `sha256`.
    #[error("unsupported digest algorithm in {0:?}: only sha256 is supported")]
    Algorithm(String),
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// A digest from its 32 raw bytes.
    pub fn from_bytes(bytes: [u8; SHA256_LEN]) -> Self {
        Self(bytes)
    }

    /// The 32 raw bytes.
    pub fn as_bytes(&self) -> &[u8; SHA256_LEN] {
        &self.0
    }

    /// The 64 hex digits, without the algorithm: the name of a blob's file.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The first 12 hex digits: how Docker abbreviates image ids.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }

    /// A digest from 64 lower-case hex digits without the algorithm.
    ///
    /// # Errors
    /// [`ParseDigestError::Format`] if the text is anything else.
    pub fn from_hex(text: &str) -> Result<Self, ParseDigestError> {
        let malformed = || ParseDigestError::Format(text.to_owned());
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(malformed());
        }
        let mut bytes = [0; SHA256_LEN];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| malformed())?;
        Ok(Self(bytes))
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("sha256", value)) => Self::from_hex(value).map_err(|_| ParseDigestError::Format(text.to_owned())),
            Some((algorithm, value)) if !algorithm.is_empty() && !value.is_empty() => {
                Err(ParseDigestError::Algorithm(text.to_owned()))
            }
            _ => Err(ParseDigestError::Format(text.to_owned())),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Computes a [`Digest`] of bytes that arrive in pieces.
#[derive(Clone, Default)]
pub struct Hasher(sha2::Sha256);

impl Hasher {
    /// A hasher that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything taken so far.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl std::io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The chain ids of a stack of layers, bottom first (OCI image specification, "Layer ChainID").
pub fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chain = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        let next = match chain.last() {
            None => *diff_id,
            Some(parent) => Digest::of(format!("{parent} {diff_id}").as_bytes()),
        };
        chain.push(next);
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn text_round_trips() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), ABC);
        assert_eq!(ABC.parse::<Digest>(), Ok(digest));
        assert_eq!(digest.short(), "ba7816bf8f01");
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{ABC}\""));
        assert_eq!(serde_json::from_str::<Digest>(&format!("\"{ABC}\"")).unwrap(), digest);
    }

    #[test]
    fn hasher_in_pieces_equals_one_piece() {
        let mut hasher = Hasher::new();
        hasher.update(b"a");
        hasher.update(b"bc");
        assert_eq!(hasher.finish(), Digest::of(b"abc"));
    }

    #[test]
    fn malformed_digests_are_refused() {
        let upper = ABC.to_uppercase().replace("SHA256", "sha256");
        for text in ["", "sha256", "sha256:", "sha256:ab", ":ab", "ba78", upper.as_str(), &format!("{ABC}0")] {
            assert!(matches!(text.parse::<Digest>(), Err(ParseDigestError::Format(_))), "{text}");
        }
        assert!(matches!("sha512:ab".parse::<Digest>(), Err(ParseDigestError::Algorithm(_))));
    }

    #[test]
    fn chain_of_one_is_the_diff_id() {
        let a = Digest::of(b"a");
        let b = Digest::of(b"b");
        let chain = chain_ids(&[a, b]);
        assert_eq!(chain[0], a);
        assert_eq!(chain[1], Digest::of(format!("{a} {b}").as_bytes()));
    }
}
