//! Bodies: JSON that comes in, streams that go out.

use super::error::{self, ApiError, Result};
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use teu_api::json;
use teu_api::progress::Message;
use teu_engine::{ByteStream, ProgressStream};
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::io::StreamReader;

/// Most bytes of a JSON body. The largest real ones carry a seccomp profile.
const MAX_JSON: usize = 16 << 20;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Most bytes of a body that are read for nobody, so that its client gets to read the answer.
const MAX_UNREAD: usize = 16 << 20;

/// Reads a JSON body. `null` and an absent body are the default where `T` allows for it.
pub(super) async fn read_json<T: DeserializeOwned>(request: Request<Body>) -> Result<T> {
    match read_optional_json(request).await? {
        Some(value) => Ok(value),
        None => Err(ApiError::bad_request("invalid JSON: got EOF while reading request body")),
    }
}

/// Reads a JSON body that may be absent.
pub(super) async fn read_optional_json<T: DeserializeOwned>(request: Request<Body>) -> Result<Option<T>> {
    let (head, body) = request.into_parts();
    let is_json = has_json_type(&head.headers)?;
    let bytes = Limited::new(body, MAX_JSON).collect().await.map_err(ApiError::bad_request)?.to_bytes();
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    if !is_json {
        return Err(wrong_type(""));
    }
    json::from_slice(&bytes).map(Some).map_err(|error| ApiError::bad_request(format!("invalid JSON: {error}")))
}

/// Whether a body is declared as JSON. A body declared as something else is refused; none declared is decided later.
fn has_json_type(headers: &HeaderMap) -> Result<bool> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(false) };
    let value = value.to_str().unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        return Ok(true);
    }
    let is_empty = headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0");
    if is_empty { Ok(false) } else { Err(wrong_type(media)) }
}

fn wrong_type(media: &str) -> ApiError {
    ApiError::bad_request(format!("unsupported Content-Type header ({media}): must be 'application/json'"))
}

/// The body of a request as an archive is read, and what resolves when there is nothing more of it to come.
pub(super) fn archive(body: Body) -> (impl AsyncRead + Send + Unpin + 'static, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel(1);
    let forward = tokio::spawn(async move {
        let mut pieces = body.into_data_stream();
        let mut unread = 0;
        while let Some(piece) = pieces.next().await {
            let size = piece.as_ref().map_or(0, Bytes::len);
            if sender.send(piece.map_err(io::Error::other)).await.is_err() {
                unread += size;
                if unread > MAX_UNREAD {
                    return;
                }
            }
        }
    });
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    });
    (StreamReader::new(pieces.boxed()), forward)
}

/// Waits, before a refusal is answered, until the `archive` has been read: a connection that is closed with unread bytes in
/// it takes the answer along.
pub(super) async fn unless_refused<T>(answer: Result<T>, read: JoinHandle<()>) -> Result<T> {
    if answer.is_err() {
        // A panic is logged by the runtime.
        drop(read.await);
    }
    answer
}

/// Answers bytes as they come. An error after the start cuts the connection: the client must not take it for the end.
pub(super) fn bytes(media: &'static str, stream: ByteStream) -> Response {
    let stream = stream.map(|piece| {
        piece.map_err(|error| {
            tracing::warn!("an answer was cut: {}", error::message(&error));
            io::Error::other(error)
        })
    });
    ([(CONTENT_TYPE, HeaderValue::from_static(media))], Body::from_stream(stream)).into_response()
}

/// Answers documents as they come, each on a line.
pub(super) fn documents<T: Serialize>(stream: impl Stream<Item = T> + Send + 'static) -> Response {
    let lines = stream.map(|document| line(&document, b"\n"));
    ([(CONTENT_TYPE, JSON)], Body::from_stream(lines)).into_response()
}

/// Answers progress. A failure before the first message has a status of its own, one after it is the last message.
pub(super) async fn progress(mut stream: ProgressStream) -> Result<Response> {
    let first = stream.next().await.transpose()?;
    Ok(messages(stream::iter(first.map(Ok)).chain(stream)))
}

/// Answers the progress of what reads an `archive`. A failure is always a message: so Docker answers.
pub(super) async fn progress_of_archive(mut stream: ProgressStream, read: JoinHandle<()>) -> Response {
    let first = stream.next().await;
    if matches!(first, Some(Err(_))) {
        // As in `unless_refused`.
        drop(read.await);
    }
    messages(stream::iter(first).chain(stream))
}

fn messages(stream: impl Stream<Item = std::result::Result<Message, teu_engine::Error>> + Send + 'static) -> Response {
    let messages = stream.map(|message| message.unwrap_or_else(|error| Message::failure(error::message(&error))));
    ([(CONTENT_TYPE, JSON)], Body::from_stream(messages.map(|message| line(&message, b"\r\n")))).into_response()
}

fn line<T: Serialize>(document: &T, end: &[u8]) -> io::Result<Bytes> {
    let mut bytes = serde_json::to_vec(document)?;
    bytes.extend_from_slice(end);
    Ok(bytes.into())
}

/// Runs a change of state to its end, although the client may leave: half of it done helps nobody.
pub(super) async fn to_end<T: Send + 'static>(
    change: impl Future<Output = std::result::Result<T, teu_engine::Error>> + Send + 'static,
) -> Result<T> {
    match tokio::spawn(change).await {
        Ok(outcome) => Ok(outcome?),
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the end of the runtime cancels it.
            Err(_) => Err(teu_engine::Error::ShuttingDown.into()),
        },
    }
}
