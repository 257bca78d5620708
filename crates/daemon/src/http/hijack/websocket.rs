//! Attached streams over a websocket: what a browser can speak.
//!
//! Each message is a piece of the stream. Output is not framed: standard output and error come as one.

use crate::http::error::{ApiError, Result};
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::future::ready;
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use http::Request;
use std::io;
use teu_api::version::ApiVersion;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

/// First version whose messages are binary; before, they were text.
const BINARY: ApiVersion = ApiVersion { major: 1, minor: 28 };
/// Most bytes of a message that is sent to a process.
const MAX_MESSAGE: usize = 16 << 20;

/// What messages are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Messages {
    /// Bytes.
    Binary,
    /// UTF-8; what is none is replaced.
    Text,
}

impl Messages {
    /// Those of a version of the API.
    pub(crate) fn of(version: ApiVersion) -> Self {
        if version >= BINARY { Self::Binary } else { Self::Text }
    }

    fn message(self, bytes: Bytes) -> Message {
        match self {
            Self::Binary => Message::Binary(bytes),
            Self::Text => Message::Text(String::from_utf8_lossy(&bytes).into_owned().into()),
        }
    }
}

/// The answer to a request for a websocket (RFC 6455, section 4.2).
///
/// # Errors
/// 400 if it is none.
pub(crate) fn handshake(request: Request<Body>) -> Result<Response> {
    let request = request.map(drop);
    let response =
        create_response(&request).map_err(|error| ApiError::bad_request(format!("no websocket: {error}")))?;
    Ok(response.map(|()| Body::empty()))
}

/// Both directions of a websocket as bytes. `early` is what the client sent with its request.
pub(super) async fn halves<T>(
    io: T,
    early: Bytes,
    messages: Messages,
) -> (impl AsyncRead + Unpin, impl AsyncWrite + Unpin)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let socket = WebSocketStream::from_partially_read(io, early.to_vec(), Role::Server, Some(config)).await;
    let (sink, stream) = socket.split();
    let input = stream.map_err(broken).try_filter_map(|message| ready(Ok(payload(message))));
    let output = sink.sink_map_err(broken).with(move |bytes| ready(Ok::<_, io::Error>(messages.message(bytes))));
    (StreamReader::new(Box::pin(input)), SinkWriter::new(CopyToBytes::new(Box::pin(output))))
}

/// What a message says to the process. Pings are answered by the library.
fn payload(message: Message) -> Option<Bytes> {
    match message {
        Message::Binary(bytes) => Some(bytes),
        Message::Text(text) => Some(text.into()),
        _ => None,
    }
}

fn broken(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}
