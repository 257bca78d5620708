//! Attached streams: the connection stops being HTTP once the head of the answer is sent.
//!
//! A client that asks for `Upgrade: tcp` is answered `101 UPGRADED`. One that does not gets a `200 OK` without length
//! or chunks, followed by the same raw stream, as Docker has always done. Either way the connection's own loop hands
//! the socket over (see [`crate::server`]), together with the bytes that the client sent early.

mod escape;
mod pump;

pub(super) use escape::Escape;
pub(crate) use pump::Pending;

use crate::server::Connection;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE};
use http::{HeaderMap, StatusCode, Version};
use teu_api::stream::{MULTIPLEXED, RAW};
use teu_api::version::ApiVersion;
use teu_engine::Attachment;

/// First version whose streams are declared as framed.
const DECLARED_FRAMES: ApiVersion = ApiVersion { major: 1, minor: 42 };

/// Content type of a stream.
pub(super) fn media(tty: bool, version: ApiVersion) -> &'static str {
    if tty || version < DECLARED_FRAMES { RAW } else { MULTIPLEXED }
}

/// The head of the answer; the stream follows when the connection's loop finds it pending.
pub(super) fn answer(
    connection: &Connection,
    attachment: Attachment,
    escape: Escape,
    version: ApiVersion,
    headers: &HeaderMap,
) -> Response {
    let media = HeaderValue::from_static(media(attachment.tty, version));
    let escape = if attachment.tty { escape } else { Escape::never() };
    connection.hijack(Pending { attachment, escape });
    if headers.contains_key(UPGRADE) {
        let headers = [
            (CONTENT_TYPE, media),
            (CONNECTION, HeaderValue::from_static("Upgrade")),
            (UPGRADE, HeaderValue::from_static("tcp")),
        ];
        return (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
    }
    // A body of unknown length in HTTP/1.0 has no chunks and ends with the connection. It is empty for HTTP's part.
    let body = Body::from_stream(futures_util::stream::empty::<std::io::Result<axum::body::Bytes>>());
    let mut response = ([(CONTENT_TYPE, HeaderValue::from_static(RAW))], body).into_response();
    *response.version_mut() = Version::HTTP_10;
    response
}
