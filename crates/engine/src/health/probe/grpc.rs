//! Whether a server of the gRPC health checking protocol says that it is serving.
//!
//! The protocol is one call, `grpc.health.v1.Health/Check`, whose two messages have one field each: they are written
//! and read here by hand.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{HeaderMap, Request, Response, header};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::target::{Namespace, Target};
use super::{Answer, MOST};

/// `HealthCheckResponse.ServingStatus`.
const STATUSES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const SERVING: u64 = 1;

/// Asks for the health of `service`; empty asks for the server's own.
pub(super) async fn ask(namespace: &Namespace, target: &Target, service: &str) -> io::Result<Answer> {
    let stream = namespace.connect(target).await?;
    exchange(stream, &target.to_string(), service).await
}

pub(super) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    host: &str,
    service: &str,
) -> io::Result<Answer> {
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let request = Request::post(format!("http://{host}/grpc.health.v1.Health/Check"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .header(header::USER_AGENT, super::USER_AGENT)
        .body(Full::new(message(service)))
        .map_err(io::Error::other)?;
    let exchange = Box::pin(async move {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        judge(response).await
    });
    match select(exchange, Box::pin(connection)).await {
        Either::Left((answer, _)) => answer,
        // The connection has brought everything; the exchange has yet to look at it.
        Either::Right((_, exchange)) => exchange.await,
    }
}

/// `HealthCheckRequest` with gRPC's prefix: not compressed, length as four bytes.
fn message(service: &str) -> Bytes {
    let mut field = BytesMut::new();
    if !service.is_empty() {
        // Field 1, a string.
        field.put_u8(0x0a);
        put_varint(&mut field, service.len() as u64);
        field.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(field.len()).unwrap_or(u32::MAX));
    framed.put(field);
    framed.freeze()
}

fn put_varint(buffer: &mut BytesMut, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            return buffer.put_u8(low);
        }
        buffer.put_u8(low | 0x80);
    }
}

async fn judge(response: Response<Incoming>) -> io::Result<Answer> {
    if !response.status().is_success() {
        return Ok(Answer::unwell(format!("HTTP {} instead of a gRPC answer", response.status())));
    }
    let (head, body) = response.into_parts();
    let collected = Limited::new(body, MOST).collect().await.map_err(io::Error::other)?;
    // An answer without a message has its trailers in front.
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let value = |name: &str| text(&trailers, name).or_else(|| text(&head.headers, name));
    match value("grpc-status").as_deref() {
        Some("0") => {}
        Some(code) => {
            let reason = value("grpc-message").unwrap_or_default();
            return Ok(Answer::unwell(format!("grpc-status {code}: {reason}")));
        }
        None => return Ok(Answer::unwell("an answer without grpc-status")),
    }
    let status = serving_status(&collected.to_bytes());
    let word = usize::try_from(status).ok().and_then(|n| STATUSES.get(n)).copied().unwrap_or("an unknown status");
    Ok(if status == SERVING { Answer::well(word) } else { Answer::unwell(word) })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned())
}

/// Field 1 of a framed `HealthCheckResponse`; a message without it says 0.
fn serving_status(framed: &[u8]) -> u64 {
    match framed.get(5..) {
        // A number of more than seven bits is none that is known.
        Some([0x08, value, ..]) => u64::from(*value),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};
    use hyper::service::service_fn;
    use hyper::{HeaderMap, Request, Response};
    use hyper_util::rt::{TokioExecutor, TokioIo};

    use super::{Answer, exchange, message, serving_status};

    /// What the probe makes of a server that answers with this message and status.
    async fn answered(body: &'static [u8], status: &'static str) -> Answer {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let service = service_fn(move |request: Request<hyper::body::Incoming>| async move {
            assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
            let asked = request.into_body().collect().await.expect("a body").to_bytes();
            assert_eq!(asked, Bytes::from_static(b"\0\0\0\0\x03\x0a\x01x"));
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", status.parse().expect("a value"));
            trailers.insert("grpc-message", "because".parse().expect("a value"));
            let body = Full::new(Bytes::from_static(body)).with_trailers(std::future::ready(Some(Ok(trailers))));
            Ok::<_, Infallible>(Response::new(body))
        });
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        tokio::spawn(server.serve_connection(TokioIo::new(theirs), service));
        exchange(ours, "localhost:1", "x").await.expect("an answer")
    }

    #[tokio::test]
    async fn answers() {
        assert_eq!(answered(b"\0\0\0\0\x02\x08\x01", "0").await, Answer::well("SERVING"));
        assert_eq!(answered(b"\0\0\0\0\x02\x08\x02", "0").await, Answer::unwell("NOT_SERVING"));
        assert_eq!(answered(b"\0\0\0\0\0", "0").await, Answer::unwell("UNKNOWN"));
        assert_eq!(answered(b"", "5").await, Answer::unwell("grpc-status 5: because"));
    }

    #[test]
    fn messages() {
        assert_eq!(&message("")[..], b"\0\0\0\0\0");
        let long = message(&"s".repeat(300));
        assert_eq!(&long[..8], b"\0\0\0\x01\x2f\x0a\xac\x02");
        assert_eq!(serving_status(b""), 0);
        assert_eq!(serving_status(b"\0\0\0\0\x02\x08\xff"), 255);
    }
}
