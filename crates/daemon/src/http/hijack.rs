//! Attached streams: the connection stops being HTTP once the head of the answer is sent.
//!
//! A client that asks for `Upgrade: tcp` is answered `101 UPGRADED`. One that does not gets a `200 OK` without length
//! or chunks, followed by the same raw stream, as Docker has always done. Either way the connection's own loop hands
//! the socket over (see [`crate::server`]), together with the bytes that the client sent early.

mod escape;
mod pump;
mod websocket;

pub(super) use escape::Escape;
pub(crate) use pump::Pending;
pub(super) use websocket::{Messages, handshake};

use crate::server::Connection;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE, USER_AGENT};
use http::{HeaderMap, StatusCode, Version};
use hyper::ext::ReasonPhrase;
use teu_api::stream::{MULTIPLEXED, RAW};
use teu_api::version::ApiVersion;
use teu_engine::Attachment;

/// First version whose streams are declared as framed.
const DECLARED_FRAMES: ApiVersion = ApiVersion { major: 1, minor: 42 };

/// Content type of a stream.
pub(super) fn media(framed: bool, version: ApiVersion) -> &'static str {
    if framed && version >= DECLARED_FRAMES { MULTIPLEXED } else { RAW }
}

/// The head of the answer; the stream follows when the connection's loop finds it pending.
pub(super) fn answer(
    connection: &Connection,
    attachment: Attachment,
    escape: Escape,
    version: ApiVersion,
    headers: &HeaderMap,
) -> Response {
    let media = HeaderValue::from_static(media(attachment.framed, version));
    let escape = if attachment.tty { escape } else { Escape::never() };
    connection.hijack(Pending { attachment, escape, after_head: !keeps_early_bytes(headers), websocket: None });
    if headers.contains_key(UPGRADE) {
        let headers = [
            (CONTENT_TYPE, media),
            (CONNECTION, HeaderValue::from_static("Upgrade")),
            (UPGRADE, HeaderValue::from_static("tcp")),
        ];
        let mut response = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
        response.extensions_mut().insert(ReasonPhrase::from_static(b"UPGRADED"));
        return response;
    }
    // A body of unknown length in HTTP/1.0 has no chunks and ends with the connection. It is empty for HTTP's part.
    let body = Body::from_stream(futures_util::stream::empty::<std::io::Result<axum::body::Bytes>>());
    let mut response = ([(CONTENT_TYPE, HeaderValue::from_static(RAW))], body).into_response();
    *response.version_mut() = Version::HTTP_10;
    response
}

/// The answer to a websocket's [`handshake`]; the messages follow.
pub(super) fn websocket(
    connection: &Connection,
    attachment: Attachment,
    escape: Escape,
    messages: Messages,
    handshake: Response,
) -> Response {
    let attachment = attachment.unframed();
    let escape = if attachment.tty { escape } else { Escape::never() };
    connection.hijack(Pending { attachment, escape, after_head: false, websocket: Some(messages) });
    handshake
}

/// Whether the client is known to keep what it reads together with the head of the answer. Others, docker-py among them,
/// lose it in a buffer of their HTTP library: a process that is quick enough would seem to have said nothing.
fn keeps_early_bytes(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    agent.starts_with("teu/") || agent.contains("Docker-Client/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Entry;
    use crate::server::serve;
    use axum::body::Bytes;
    use axum::routing::{get, post};
    use axum::{Extension, Router};
    use futures_util::{SinkExt, StreamExt, stream};
    use std::sync::Arc;
    use teu_engine::Error;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::sync::watch;
    use tokio_tungstenite::tungstenite::Message;

    /// Attaches to a process that says what it read once its input is closed.
    async fn attach(
        Extension(version): Extension<ApiVersion>,
        Extension(connection): Extension<Arc<Connection>>,
        headers: HeaderMap,
    ) -> Response {
        let (input, mut process) = duplex(64);
        let output = stream::once(async move {
            let mut read = String::new();
            process.read_to_string(&mut read).await.unwrap();
            Ok::<_, Error>(Bytes::from(format!("read {read}")))
        });
        let attachment = Attachment { tty: false, framed: true, input: Some(Box::pin(input)), output: output.boxed() };
        answer(&connection, attachment, Escape::never(), version, &headers)
    }

    /// Attaches over a websocket to a process that says what the first six bytes of its input were, in frames.
    async fn attach_websocket(
        Extension(connection): Extension<Arc<Connection>>,
        Extension(version): Extension<ApiVersion>,
        request: http::Request<Body>,
    ) -> super::super::error::Result<Response> {
        let (input, mut process) = duplex(64);
        let output = stream::once(async move {
            let mut read = [0; 6];
            process.read_exact(&mut read).await.unwrap();
            let text = format!("read {}", String::from_utf8_lossy(&read));
            let header = teu_api::stream::header(teu_api::stream::Kind::Stderr, u32::try_from(text.len()).unwrap());
            Ok::<_, Error>(Bytes::from([&header[..], text.as_bytes()].concat()))
        });
        let attachment = Attachment { tty: false, framed: true, input: Some(Box::pin(input)), output: output.boxed() };
        let handshake = handshake(request)?;
        Ok(websocket(&connection, attachment, Escape::never(), Messages::of(version), handshake))
    }

    fn connect() -> (DuplexStream, Arc<watch::Sender<usize>>) {
        let router = Router::new()
            .route("/attach", post(attach))
            .route("/ws", get(attach_websocket))
            .route("/plain", get(|| async { "plain" }));
        let (client, server) = duplex(4096);
        let busy = Arc::new(watch::Sender::new(0));
        let (stop, stopped) = watch::channel(false);
        let counted = busy.clone();
        tokio::spawn(async move {
            serve(server, Entry::with_router(router), stopped, Connection::accepted(counted)).await;
            drop(stop);
        });
        (client, busy)
    }

    /// Sends a request with input in the same piece, closes the client's side, and reads all there is.
    async fn converse(request: &str) -> String {
        let (mut client, busy) = connect();
        // The connection is an ordinary one first.
        client.write_all(b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 1024];
        let len = client.read(&mut first).await.unwrap();
        assert!(first[..len].ends_with(b"plain"));

        client.write_all(request.as_bytes()).await.unwrap();
        client.write_all(b"early ").await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        assert_eq!(*busy.borrow(), 0, "a stream is not waited for");
        client.write_all(b"late").await.unwrap();
        client.shutdown().await.unwrap();
        let mut rest = String::new();
        client.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "read early late");
        String::from_utf8(head).unwrap()
    }

    #[tokio::test]
    async fn a_client_that_upgrades() {
        let request = "POST /v1.45/attach HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
        let head = converse(request).await;
        assert!(head.starts_with("HTTP/1.1 101 UPGRADED\r\n"), "{head}");
        assert!(head.contains("Content-Type: application/vnd.docker.multiplexed-stream\r\n"), "{head}");
        assert!(head.contains("Upgrade: tcp\r\n"), "{head}");
    }

    #[tokio::test]
    async fn a_client_that_upgrades_and_is_old() {
        let request = "POST /v1.41/attach HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
        assert!(converse(request).await.contains("Content-Type: application/vnd.docker.raw-stream\r\n"));
    }

    #[tokio::test]
    async fn a_websocket() {
        for (version, binary) in [("v1.45", true), ("v1.27", false)] {
            let (client, busy) = connect();
            let url = format!("ws://x/{version}/ws");
            let (mut socket, answer) = tokio_tungstenite::client_async(url, client).await.unwrap();
            assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
            assert_eq!(*busy.borrow(), 0, "a stream is not waited for");
            // Input comes in pieces of either kind, and between others.
            for message in [Message::text("abc"), Message::Ping(Bytes::new()), Message::binary(&b"def"[..])] {
                socket.send(message).await.unwrap();
            }
            let mut got = Vec::new();
            while let Some(message) = socket.next().await {
                match message.unwrap() {
                    Message::Pong(_) | Message::Close(_) => {}
                    message => {
                        assert_eq!(message.is_binary(), binary);
                        got.extend(message.into_data());
                    }
                }
            }
            assert_eq!(got, b"read abcdef");
        }
    }

    #[tokio::test]
    async fn a_websocket_that_is_none() {
        let (mut client, _busy) = connect();
        client.write_all(b"GET /v1.45/ws HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("no websocket"), "{answer}");
    }

    #[tokio::test]
    async fn a_websocket_that_is_closed_ends_its_attachment() {
        let (client, _busy) = connect();
        let (mut socket, _) = tokio_tungstenite::client_async("ws://x/v1.45/ws", client).await.unwrap();
        socket.close(None).await.unwrap();
        while let Some(message) = socket.next().await {
            assert!(message.unwrap().is_close());
        }
    }

    #[tokio::test]
    async fn a_client_that_does_not_upgrade() {
        let head = converse("POST /v1.45/attach HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
        assert!(head.contains("Content-Type: application/vnd.docker.raw-stream\r\n"), "{head}");
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
        assert!(!head.to_ascii_lowercase().contains("content-length"), "{head}");
    }
}
