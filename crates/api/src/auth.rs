//! Credentials for registries.

use crate::json::is_zero;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde::{Deserialize, Serialize};

/// Header that carries the credentials of a pull or push.
pub const HEADER: &str = "X-Registry-Auth";

/// Credentials for a registry (`AuthConfig`).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthConfig {
    /// User name.
    #[serde(skip_serializing_if = "is_zero")]
    pub username: String,
    /// Password.
    #[serde(skip_serializing_if = "is_zero")]
    pub password: String,
    /// `user:password` in base64, for old clients.
    #[serde(skip_serializing_if = "is_zero")]
    pub auth: String,
    /// Obsolete.
    #[serde(skip_serializing_if = "is_zero")]
    pub email: String,
    /// Address of the registry.
    #[serde(rename = "serveraddress", skip_serializing_if = "is_zero")]
    pub server_address: String,
    /// Token that stands for user and password.
    #[serde(rename = "identitytoken", skip_serializing_if = "is_zero")]
    pub identity_token: String,
    /// Bearer token sent to the registry as it is.
    #[serde(rename = "registrytoken", skip_serializing_if = "is_zero")]
    pub registry_token: String,
}

// Secrets stay out of logs and panics.
impl std::fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthConfig")
            .field("username", &self.username)
            .field("server_address", &self.server_address)
            .finish_non_exhaustive()
    }
}

impl AuthConfig {
    /// Reads the value of the [`HEADER`]: JSON in URL-safe base64, padded or not. Like Docker, an empty value is nobody.
    ///
    /// # Errors
    /// The value is not base64, or not JSON inside.
    pub fn from_header(value: &str) -> Result<Self, HeaderError> {
        let value = value.trim_end_matches('=');
        if value.is_empty() {
            return Ok(Self::default());
        }
        // Some clients use the standard alphabet.
        let value = value.replace('+', "-").replace('/', "_");
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(value).map_err(HeaderError::Base64)?;
        crate::json::from_slice(&bytes).map_err(HeaderError::Json)
    }

    /// Writes the value of the [`HEADER`].
    pub fn to_header(&self) -> String {
        URL_SAFE.encode(serde_json::to_vec(self).unwrap_or_default())
    }
}

/// Why credentials could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// Not base64.
    #[error("invalid X-Registry-Auth header: {0}")]
    Base64(base64::DecodeError),
    /// Not JSON.
    #[error("invalid X-Registry-Auth header: {0}")]
    Json(serde_json::Error),
}

/// Answer to `POST /auth`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AuthResponse {
    /// What to tell the user.
    pub status: String,
    /// Token that stands for user and password.
    pub identity_token: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_reads_back_padded_or_not() {
        let auth = AuthConfig { username: "ü?>".into(), password: "p~~".into(), ..AuthConfig::default() };
        let header = auth.to_header();
        assert_eq!(AuthConfig::from_header(&header).unwrap(), auth);
        assert_eq!(AuthConfig::from_header(header.trim_end_matches('=')).unwrap(), auth);
        assert_eq!(AuthConfig::from_header("").unwrap(), AuthConfig::default());
        assert_eq!(AuthConfig::from_header("bnVsbA==").unwrap(), AuthConfig::default());
        assert!(AuthConfig::from_header("{}").is_err());
    }

    #[test]
    fn secrets_are_not_printed() {
        let auth = AuthConfig { password: "hunter2".into(), ..AuthConfig::default() };
        assert!(!format!("{auth:?}").contains("hunter2"));
    }
}
