//! Messages streamed while an image is pulled, loaded, imported or built.

use crate::json::is_zero;
use serde::{Deserialize, Serialize};

/// One message (`JSONMessage`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Message {
    /// Text to print as it is.
    #[serde(skip_serializing_if = "is_zero")]
    pub stream: String,
    /// What is being done, `Downloading`.
    #[serde(skip_serializing_if = "is_zero")]
    pub status: String,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_detail: Option<Detail>,
    /// Progress bar as text, for old clients.
    #[serde(skip_serializing_if = "is_zero")]
    pub progress: String,
    /// Layer it is about.
    #[serde(skip_serializing_if = "is_zero")]
    pub id: String,
    /// Failure: the last message of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<ErrorDetail>,
    /// The failure's text again, for old clients.
    #[serde(skip_serializing_if = "is_zero")]
    pub error: String,
    /// Further data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aux: Option<serde_json::Value>,
}

/// How far something is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// Done so far.
    #[serde(skip_serializing_if = "is_zero")]
    pub current: i64,
    /// To do in all; 0 when unknown.
    #[serde(skip_serializing_if = "is_zero")]
    pub total: i64,
    /// Time of the start in seconds since 1970.
    #[serde(skip_serializing_if = "is_zero")]
    pub start: i64,
    /// Numbers are not to be printed.
    #[serde(rename = "hidecounts", skip_serializing_if = "is_zero")]
    pub hide_counts: bool,
    /// Unit of the numbers; empty for bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub units: String,
}

/// A failure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorDetail {
    /// Exit code of a failed command.
    #[serde(skip_serializing_if = "is_zero")]
    pub code: i64,
    /// What went wrong.
    pub message: String,
}

impl Message {
    /// A status about a layer (or about nothing in particular, with an empty id).
    pub fn status(id: impl Into<String>, status: impl Into<String>) -> Self {
        Self { id: id.into(), status: status.into(), ..Self::default() }
    }

    /// A failure.
    pub fn failure(message: impl Into<String>) -> Self {
        let error = message.into();
        Self { error_detail: Some(ErrorDetail { code: 0, message: error.clone() }), error, ..Self::default() }
    }
}
