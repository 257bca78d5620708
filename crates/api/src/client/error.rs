//! What can go wrong between client and engine.

use http::StatusCode;
use std::io;

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No engine answers at the endpoint. The wording is Docker's: scripts look for it.
    #[error("Cannot connect to the Docker daemon at {endpoint}. Is the docker daemon running?")]
    Connect {
        /// Where it was looked for.
        endpoint: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The engine refused; the message is its own.
    #[error("{message}")]
    Api {
        /// HTTP status.
        status: StatusCode,
        /// Message of the engine.
        message: String,
    },
    /// The engine speaks only versions older than the client's oldest.
    #[error("client version {client} is too new. Maximum supported API version is {server}")]
    TooNew {
        /// Oldest version of the client.
        client: crate::version::ApiVersion,
        /// Newest version of the engine.
        server: crate::version::ApiVersion,
    },
    /// The connection broke or the answer is no HTTP.
    #[error("error during connect: {}", cause(.0))]
    Http(#[from] hyper::Error),
    /// Reading or writing a stream failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The answer is no JSON of the expected type.
    #[error("cannot decode the answer to {path}: {source}")]
    Decode {
        /// What was asked.
        path: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The head of an answer is malformed or too long.
    #[error("malformed HTTP answer from the engine")]
    Malformed,
    /// The request cannot be written, such as a name with control characters.
    #[error("invalid request: {0}")]
    Request(#[from] http::Error),
    /// The endpoint or its certificates cannot be used.
    #[error(transparent)]
    Endpoint(#[from] super::EndpointError),
}

/// What a connection failed of, if it says.
fn cause(error: &hyper::Error) -> String {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    source.map_or_else(|| error.to_string(), io::Error::to_string)
}

impl Error {
    /// The HTTP status, if the engine answered with one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Api { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the engine says that the thing does not exist.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(StatusCode::NOT_FOUND)
    }
}
