//! Errors as answers: the one place where they become statuses.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::error::Error as _;
use teu_api::error::ErrorResponse;
use teu_engine::{Error, Kind};

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
}

pub(crate) type Result<T> = std::result::Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn bad_request(message: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message.to_string())
    }

    /// What is said, without a status.
    pub(crate) fn into_message(self) -> String {
        self.message
    }

    /// No route leads anywhere.
    pub(crate) fn page_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "page not found")
    }
}

/// The status of each class of the engine's errors.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::InvalidParameter => StatusCode::BAD_REQUEST,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::NotModified => StatusCode::NOT_MODIFIED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::Unauthorized => StatusCode::UNAUTHORIZED,
        Kind::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error's text with its sources, each said once.
pub(crate) fn message(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let error = Self::new(status(error.kind()), message(&error));
        if error.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!("{}", error.message);
        }
        error
    }
}

impl From<teu_api::query::Error> for ApiError {
    fn from(error: teu_api::query::Error) -> Self {
        Self::bad_request(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if self.status == StatusCode::NOT_MODIFIED {
            return self.status.into_response();
        }
        (self.status, Json(ErrorResponse { message: self.message })).into_response()
    }
}
