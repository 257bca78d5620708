//! Whether a page is served.

use std::io;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::target::{Namespace, Target};
use super::{Answer, MOST};

/// Fetches `path`; what answers with a status from 200 to 399 is well.
pub(super) async fn ask(namespace: &Namespace, target: &Target, path: &str) -> io::Result<Answer> {
    let stream = namespace.connect(target).await?;
    exchange(stream, &target.to_string(), path).await
}

pub(super) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    host: &str,
    path: &str,
) -> io::Result<Answer> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, super::USER_AGENT)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
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

async fn judge(response: Response<Incoming>) -> io::Result<Answer> {
    let status = response.status();
    let mut text = format!("HTTP {status}").into_bytes();
    let mut body = response.into_body();
    let mut separator = b"\n".as_slice();
    while text.len() < MOST
        && let Some(frame) = body.frame().await
    {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            text.extend_from_slice(separator);
            text.extend_from_slice(&data);
            separator = b"";
        }
    }
    let code = i64::from(!(200..400).contains(&status.as_u16()));
    Ok(Answer { code, text })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::{Answer, exchange};

    /// What the probe makes of these bytes, and the request it sent.
    async fn answered(answer: &'static str) -> (std::io::Result<Answer>, String) {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let server = tokio::spawn(async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(theirs.read_u8().await.expect("a request"));
            }
            theirs.write_all(answer.as_bytes()).await.expect("sent");
            String::from_utf8(request).expect("text")
        });
        let answer = exchange(ours, "localhost:80", "/up").await;
        (answer, server.await.expect("a server"))
    }

    #[tokio::test]
    async fn statuses() {
        let (answer, request) = answered("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
        assert_eq!(answer.expect("an answer"), Answer { code: 0, text: b"HTTP 200 OK\nfine".to_vec() });
        assert!(request.starts_with("GET /up HTTP/1.1\r\n") && request.contains("host: localhost:80\r\n"), "{request}");
        let (answer, _) = answered("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(answer.expect("an answer").code, 0);
        let (answer, _) = answered("HTTP/1.0 503 Service Unavailable\r\n\r\nbroken").await;
        assert_eq!(
            answer.expect("an answer"),
            Answer { code: 1, text: b"HTTP 503 Service Unavailable\nbroken".to_vec() }
        );
        assert!(answered("SSH-2.0-whatever\r\n").await.0.is_err());
    }
}
