//! Error bodies.

use serde::{Deserialize, Serialize};

/// Body of every answer that is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorResponse {
    /// What went wrong.
    pub message: String,
}
