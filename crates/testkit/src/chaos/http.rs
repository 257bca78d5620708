//! The Engine API over its socket, one connection a request: as little as a client can be, so that what it sees is the engine's.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// A request that is not answered in this time hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the engine listens.
#[derive(Clone)]
pub(super) struct Socket(pub(super) PathBuf);

/// What is asked for.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    pub(super) media: &'static str,
    /// How long to listen. Who stops listening takes what came until then.
    pub(super) listen: Option<Duration>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    Answered(Answer),
    /// There was nobody to ask: nothing was done.
    Unreachable,
    /// The connection ended before the answer did: anything may have been done.
    Cut(String),
    /// No answer came.
    Hung,
}

impl Call {
    pub(super) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: Vec::new(), media: "application/json", listen: None }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::new("POST", path)
    }

    pub(super) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    pub(super) fn tar(mut self, body: Vec<u8>) -> Self {
        (self.body, self.media) = (body, "application/x-tar");
        self
    }

    /// Leaves after this time.
    pub(super) fn listen(mut self, time: Duration) -> Self {
        self.listen = Some(time);
        self
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

impl Socket {
    pub(super) fn send(&self, call: &Call) -> Outcome {
        let Ok(mut stream) = UnixStream::connect(&self.0) else { return Outcome::Unreachable };
        let Call { method, path, body, media, listen } = call;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: chaos\r\nConnection: close\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let limit = listen.unwrap_or(PATIENCE);
        drop(stream.set_read_timeout(Some(limit)));
        drop(stream.set_write_timeout(Some(PATIENCE)));
        // An engine may answer before it has read all of a body that it refuses.
        let written = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let mut received = Vec::new();
        let ended = stream.read_to_end(&mut received);
        match (ended, written) {
            (Err(error), _) if is_timeout(&error) && listen.is_none() => Outcome::Hung,
            (Err(error), _) if is_timeout(&error) => parse(&received, method, true)
                .map_or_else(|_| Outcome::Answered(Answer { status: 0, body: Vec::new() }), Outcome::Answered),
            (Ok(_), Err(error)) if received.is_empty() => Outcome::Cut(error.to_string()),
            (Err(error), _) => Outcome::Cut(error.to_string()),
            (Ok(_), _) => match parse(&received, method, false) {
                Ok(answer) => Outcome::Answered(answer),
                Err(error) => Outcome::Cut(format!("{error:#}")),
            },
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Reads an answer. One that is not whole is none, unless it was `left` by the client.
fn parse(bytes: &[u8], method: &str, left: bool) -> Result<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").context("no end of the head")?;
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let body = &bytes[end + 4..];
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status")?;
    let header = |name: &str| {
        let prefix = format!("{name}: ");
        head.lines().find_map(|line| line.strip_prefix(&prefix).map(str::to_owned))
    };
    if method == "HEAD" || status == 204 || status == 304 {
        return Ok(Answer { status, body: Vec::new() });
    }
    if header("transfer-encoding").is_some_and(|value| value == "chunked") {
        return Ok(Answer { status, body: unchunk(body, left)? });
    }
    if let Some(length) = header("content-length") {
        ensure!(left || length == body.len().to_string(), "{} of {length} bytes", body.len());
    }
    Ok(Answer { status, body: body.to_vec() })
}

fn unchunk(mut bytes: &[u8], left: bool) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") else {
            ensure!(left, "cut between two chunks");
            return Ok(body);
        };
        let size = std::str::from_utf8(&bytes[..line]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.context("the size of a chunk")?;
        if size == 0 {
            return Ok(body);
        }
        let chunk = &bytes[line + 2..];
        if chunk.len() < size + 2 {
            ensure!(left, "cut within a chunk");
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..size]);
        bytes = &chunk[size + 2..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_answers_and_others() {
        let plain = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", false).unwrap();
        assert_eq!((plain.status, plain.text().as_str()), (200, "ok"));
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", "GET", false).is_err());
        assert!(parse(b"HTTP/1.1 200 O", "GET", true).is_err());
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let whole = format!("{head}2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
        assert_eq!(parse(whole.as_bytes(), "GET", false).unwrap().body, b"abc");
        let cut = format!("{head}2\r\nab\r\n");
        assert!(parse(cut.as_bytes(), "GET", false).is_err());
        assert_eq!(parse(cut.as_bytes(), "GET", true).unwrap().body, b"ab");
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n", "POST", false).unwrap().status, 204);
    }
}
