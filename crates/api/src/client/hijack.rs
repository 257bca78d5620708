//! Attached streams: a connection that stops being HTTP after the head of its answer.
//!
//! The request is written by hand on a connection of its own, since the answer takes two forms: `101 UPGRADED`, and
//! from engines or proxies that know no upgrade, `200 OK` followed by the raw stream in both directions.

use super::connection::{Stream, dial};
use super::request::{Call, refusal};
use super::{Client, Error};
use crate::stream::MULTIPLEXED;
use crate::version::ApiVersion;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, UPGRADE, USER_AGENT};
use http::{HeaderMap, StatusCode};
use std::fmt::Write;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// Most bytes of an answer's head, and of an error's body.
const MAX_HEAD: usize = 64 * 1024;

/// Headers that the request itself sets.
const OWN_HEADERS: [HeaderName; 6] = [HOST, USER_AGENT, CONTENT_TYPE, CONTENT_LENGTH, CONNECTION, UPGRADE];

/// How the bytes of an attached stream are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// As they are: there is a terminal. Engines before API 1.42 do not tell and say this always.
    Raw,
    /// In frames (see [`crate::stream`]).
    Multiplexed,
}

/// An attached stream, in both directions. Shutting the writer down closes standard input and leaves output open.
#[derive(Debug)]
pub struct Hijacked {
    stream: Stream,
    /// Bytes that came with the head of the answer.
    early: Vec<u8>,
    taken: usize,
    /// What the engine said about the stream.
    pub media: Media,
}

impl Client {
    /// Sends a request that turns its connection into a stream.
    pub(super) async fn hijack(&self, call: Call<'_>) -> Result<Hijacked, Error> {
        let version = self.negotiate().await?;
        let (stream, _) = self.hijack_at(Some(version), call).await?;
        Ok(stream)
    }

    /// As [`Self::hijack`], with a version or the engine's newest. Answers the head's fields, too.
    pub(super) async fn hijack_at(
        &self,
        version: Option<ApiVersion>,
        call: Call<'_>,
    ) -> Result<(Hijacked, HeaderMap), Error> {
        let mut stream = dial(self.endpoint()).await?;
        let target = self.target(&call, version);
        stream.write_all(&request_head(&call, &target, &self.endpoint().authority(), self.headers())).await?;
        stream.write_all(&call.body).await?;
        stream.flush().await?;

        let mut early = Vec::with_capacity(4096);
        let end = loop {
            if let Some(end) = early.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if early.len() > MAX_HEAD || stream.read_buf(&mut early).await? == 0 {
                return Err(Error::Malformed);
            }
        };
        let head = Head::parse(&early[..end]).ok_or(Error::Malformed)?;
        self.learn(&head.fields)?;
        if head.status != StatusCode::SWITCHING_PROTOCOLS && head.status != StatusCode::OK {
            let body = error_body(&mut stream, &head, early.split_off(end)).await?;
            return Err(refusal(head.status, &body));
        }
        let media = if head.content_type == MULTIPLEXED { Media::Multiplexed } else { Media::Raw };
        Ok((Hijacked { stream, early, taken: end, media }, head.fields))
    }
}

fn request_head(call: &Call<'_>, target: &str, authority: &str, more: &HeaderMap) -> Vec<u8> {
    let mut head = String::with_capacity(256);
    // Writing to a string cannot fail.
    let _ = write!(head, "{} {target} HTTP/1.1\r\nHost: {authority}\r\n", call.method);
    let _ = write!(head, "User-Agent: teu/{}\r\n", env!("CARGO_PKG_VERSION"));
    let _ = write!(head, "Content-Type: application/json\r\nContent-Length: {}\r\n", call.body.len());
    for (name, value) in more.iter().filter(|(name, _)| !OWN_HEADERS.contains(name)) {
        if let Ok(value) = value.to_str() {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    head.push_str("Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    head.into_bytes()
}

/// What matters of an answer's head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    status: StatusCode,
    content_type: String,
    content_length: Option<usize>,
    chunked: bool,
    fields: HeaderMap,
}

impl Head {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.split("\r\n");
        let mut status = lines.next()?.splitn(3, ' ');
        if !status.next()?.starts_with("HTTP/1.") {
            return None;
        }
        let status = StatusCode::from_bytes(status.next()?.as_bytes()).ok()?;
        let fields = HeaderMap::new();
        let mut head = Self { status, content_type: String::new(), content_length: None, chunked: false, fields };
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-type" => value.clone_into(&mut head.content_type),
                "content-length" => head.content_length = Some(value.parse().ok()?),
                "transfer-encoding" => head.chunked = value.eq_ignore_ascii_case("chunked"),
                _ => {}
            }
            // Fields that are none are nobody's.
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                head.fields.insert(name, value);
            }
        }
        Some(head)
    }
}

/// The body of an error: of a given length, in chunks, or up to the end.
async fn error_body(stream: &mut Stream, head: &Head, mut body: Vec<u8>) -> Result<Vec<u8>, Error> {
    let complete = |body: &[u8]| match head.content_length {
        _ if head.chunked => body.ends_with(b"0\r\n\r\n"),
        Some(length) => body.len() >= length,
        None => false,
    };
    while !complete(&body) && body.len() < MAX_HEAD && stream.read_buf(&mut body).await? > 0 {}
    if head.chunked {
        // Errors come in one chunk: its size stands on the first line.
        if let Some(line) = body.windows(2).position(|window| window == b"\r\n") {
            let size = std::str::from_utf8(&body[..line]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
            let start = line + 2;
            let end = start + size.unwrap_or(0).min(body.len() - start);
            body = body[start..end].to_vec();
        }
    }
    Ok(body)
}

impl AsyncRead for Hijacked {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let early = &this.early[this.taken..];
        if early.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let take = early.len().min(buf.remaining());
        buf.put_slice(&early[..take]);
        this.taken += take;
        if this.taken == this.early.len() {
            this.early = Vec::new();
            this.taken = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Hijacked {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_answers() {
        let head = Head::parse(
            b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\
              Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
        );
        let head = head.unwrap();
        assert_eq!((head.status.as_u16(), head.content_type.as_str()), (101, MULTIPLEXED));
        let head = Head::parse(b"HTTP/1.1 404 Not Found\r\ncontent-length: 12\r\n\r\n").unwrap();
        assert_eq!((head.status.as_u16(), head.content_length), (404, Some(12)));
        for bad in ["", "HTTP/2 200\r\n\r\n", "HTTP/1.1 x\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n"] {
            assert_eq!(Head::parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
