//! A registry on loopback that serves prepared content, with the faults that real ones have.

use crate::host::Host;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the registry does wrong or demands.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// Every request needs a bearer token, got with this user and password when given.
    pub token: Option<Option<(String, String)>>,
    /// Every request needs this user and password.
    pub basic: Option<(String, String)>,
    /// A list of tags comes in pages of this length.
    pub tags_per_page: Option<usize>,
    /// Connections of blob requests close after this many bytes of body.
    pub break_after: Option<usize>,
    /// `Range` headers are not heeded.
    pub ignore_ranges: bool,
    /// Blobs get a byte changed in their middle.
    pub corrupt_blobs: bool,
}

/// A running registry. It stops when it is dropped.
pub struct Registry {
    address: SocketAddr,
    listener: Arc<TcpListener>,
    shared: Arc<Shared>,
}

/// A media type and bytes of it.
type Content = (String, Arc<Vec<u8>>);

#[derive(Default)]
struct Shared {
    behaviour: Behaviour,
    /// Content by `<repository>/manifests/<tag or digest>` and `<repository>/blobs/<digest>`.
    content: Mutex<BTreeMap<String, Content>>,
    requests: Mutex<Vec<String>>,
    blob_requests: AtomicUsize,
}

impl Registry {
    /// Starts a registry on a free loopback port.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub fn start(behaviour: Behaviour) -> std::io::Result<Self> {
        Self::serve(TcpListener::bind("127.0.0.1:0")?, behaviour)
    }

    /// Starts a registry on loopback of that host.
    ///
    /// # Errors
    /// When the host's namespace cannot be entered.
    pub fn start_in(host: &Host, behaviour: Behaviour) -> std::io::Result<Self> {
        let namespace = host.network_namespace()?;
        // A socket stays in the namespace that its thread was in when it was made.
        let bind = move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            TcpListener::bind("127.0.0.1:0")
        };
        let listener = std::thread::spawn(bind).join().map_err(|_| std::io::Error::other("binding panicked"))??;
        Self::serve(listener, behaviour)
    }

    fn serve(listener: TcpListener, behaviour: Behaviour) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { behaviour, ..Shared::default() });
        let server = Arc::clone(&shared);
        let listener = Arc::new(listener);
        let accepting = Arc::clone(&listener);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let shared = Arc::clone(&server);
                std::thread::spawn(move || serve(&shared, address, stream));
            }
        });
        Ok(Self { address, listener, shared })
    }

    /// `127.0.0.1:<port>`: the domain for references.
    #[must_use]
    pub fn domain(&self) -> String {
        self.address.to_string()
    }

    /// Adds a blob and returns its digest.
    pub fn add_blob(&self, repository: &str, bytes: Vec<u8>) -> String {
        let digest = digest_of(&bytes);
        self.put(format!("{repository}/blobs/{digest}"), "application/octet-stream", bytes);
        digest
    }

    /// Adds a manifest under a tag and under its digest, and returns the digest.
    pub fn add_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: Vec<u8>) -> String {
        let digest = digest_of(&bytes);
        self.put(format!("{repository}/manifests/{tag}"), media_type, bytes.clone());
        self.put(format!("{repository}/manifests/{digest}"), media_type, bytes);
        digest
    }

    /// Every request so far: method and path, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lock(&self.shared.requests).clone()
    }

    fn put(&self, path: String, media_type: &str, bytes: Vec<u8>) {
        lock(&self.shared.content).insert(path, (media_type.to_owned(), Arc::new(bytes)));
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Ends the accepting thread, in whichever namespace its socket is.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
    }
}

/// `sha256:<hex>` of the bytes.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Head {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
}

fn serve(shared: &Shared, address: SocketAddr, stream: TcpStream) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(head) = read_head(&mut reader) {
        lock(&shared.requests).push(format!("{} {}", head.method, head.path));
        if !answer(shared, address, &head, &mut writer).unwrap_or(false) {
            return;
        }
    }
}

fn read_head(reader: &mut BufReader<TcpStream>) -> Option<Head> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
    Some(Head { method, path, headers })
}

/// Answers one request; whether the connection stays open.
fn answer(shared: &Shared, address: SocketAddr, head: &Head, out: &mut TcpStream) -> std::io::Result<bool> {
    if head.path.starts_with("/token") {
        return token(shared, head, out);
    }
    if shared.behaviour.token.is_some() && head.headers.get("authorization").map(String::as_str) != Some("Bearer good")
    {
        let challenge = format!("WWW-Authenticate: Bearer realm=\"http://{address}/token\",service=\"test\"\r\n");
        return respond(
            out,
            "401 Unauthorized",
            &challenge,
            br#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
        );
    }
    if let Some((user, password)) = &shared.behaviour.basic
        && head.headers.get("authorization") != Some(&basic(user, password))
    {
        let body = br#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        return respond(out, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"test\"\r\n", body);
    }
    if let Some((repository, query)) = head.path.split_once("/tags/list") {
        return tags(shared, repository.trim_start_matches("/v2/"), query, out);
    }
    let key = head.path.trim_start_matches("/v2/").to_owned();
    let found = lock(&shared.content).get(&key).cloned();
    let Some((media_type, bytes)) = found else {
        if head.path == "/v2/" {
            return respond(out, "200 OK", "", b"{}");
        }
        return respond(
            out,
            "404 Not Found",
            "",
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
        );
    };
    let media_type = format!("Content-Type: {media_type}\r\n");
    if key.contains("/blobs/") { blob(shared, head, &bytes, out) } else { respond(out, "200 OK", &media_type, &bytes) }
}

/// The tags of a repository, in pages if so configured (distribution specification, "Listing Tags").
fn tags(shared: &Shared, repository: &str, query: &str, out: &mut TcpStream) -> std::io::Result<bool> {
    let prefix = format!("{repository}/manifests/");
    let content = lock(&shared.content);
    let all: Vec<String> = content.keys().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect();
    drop(content);
    if all.is_empty() {
        let body = br#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#;
        return respond(out, "404 Not Found", "", body);
    }
    let last = query.split(['?', '&']).find_map(|pair| pair.strip_prefix("last=")).unwrap_or_default();
    let rest: Vec<&String> = all.iter().filter(|tag| !tag.contains(':') && tag.as_str() > last).collect();
    let page = &rest[..rest.len().min(shared.behaviour.tags_per_page.unwrap_or(usize::MAX))];
    let more = page.last().filter(|_| page.len() < rest.len());
    let link = more.map(|last| format!("Link: </v2/{repository}/tags/list?last={last}&n=1>; rel=\"next\"\r\n"));
    let names: Vec<String> = page.iter().map(|tag| format!("\"{tag}\"")).collect();
    let body = format!("{{\"name\":\"{repository}\",\"tags\":[{}]}}", names.join(","));
    respond(out, "200 OK", &link.unwrap_or_default(), body.as_bytes())
}

fn token(shared: &Shared, head: &Head, out: &mut TcpStream) -> std::io::Result<bool> {
    let wanted = shared.behaviour.token.clone().flatten();
    let expected = wanted.map(|(user, password)| basic(&user, &password));
    if expected.is_some() && head.headers.get("authorization") != expected.as_ref() {
        return respond(
            out,
            "401 Unauthorized",
            "",
            br#"{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}"#,
        );
    }
    respond(out, "200 OK", "Content-Type: application/json\r\n", br#"{"token":"good","expires_in":300}"#)
}

fn basic(user: &str, password: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = format!("{user}:{password}");
    let mut encoded = String::from("Basic ");
    for group in text.as_bytes().chunks(3) {
        let word = group.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let sign = if place > group.len() { b'=' } else { ALPHABET[word >> (18 - 6 * place) & 63] };
            encoded.push(char::from(sign));
        }
    }
    encoded
}

fn blob(shared: &Shared, head: &Head, bytes: &[u8], out: &mut TcpStream) -> std::io::Result<bool> {
    shared.blob_requests.fetch_add(1, Ordering::Relaxed);
    let mut bytes = bytes.to_vec();
    if shared.behaviour.corrupt_blobs
        && let Some(middle) = bytes.len().checked_sub(1)
    {
        bytes[middle / 2] ^= 1;
    }
    let range = head.headers.get("range").filter(|_| !shared.behaviour.ignore_ranges);
    let start = range.and_then(|range| range.strip_prefix("bytes=")?.trim_end_matches('-').parse().ok()).unwrap_or(0);
    let body = &bytes[usize::min(start, bytes.len())..];
    let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
    write!(out, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    match shared.behaviour.break_after {
        Some(limit) if limit < body.len() => {
            out.write_all(&body[..limit])?;
            Ok(false)
        }
        _ => out.write_all(body).map(|()| true),
    }
}

fn respond(out: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<bool> {
    write!(out, "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len())?;
    out.write_all(body)?;
    Ok(true)
}
