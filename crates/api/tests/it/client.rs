//! The client against an engine that answers by script.

use std::path::PathBuf;
use teu_api::client::{Client, Endpoint, Error, Media};
use teu_api::container::{AttachOptions, ListOptions, WaitCondition};
use teu_api::event::Options;
use teu_api::version::ApiVersion;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// A socket of its own for each test.
struct Engine {
    _dir: tempfile::TempDir,
    path: PathBuf,
    listener: UnixListener,
}

impl Engine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.sock");
        let listener = UnixListener::bind(&path).unwrap();
        Self { _dir: dir, path, listener }
    }

    fn client(&self) -> Client {
        Client::new(Endpoint::Unix(self.path.clone()))
    }

    async fn accept(&self) -> UnixStream {
        self.listener.accept().await.unwrap().0
    }
}

/// Reads the head of a request and answers its first line.
async fn request(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().lines().next().unwrap().to_owned()
}

async fn answer(stream: &mut UnixStream, head: &str, body: &str) {
    let text = format!("HTTP/1.1 {head}\r\nApi-Version: 1.45\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn the_first_request_negotiates_on_one_connection() {
    let engine = Engine::new();
    let client = engine.client();
    let server = async {
        let mut stream = engine.accept().await;
        assert_eq!(request(&mut stream).await, "GET /v1.56/containers/json?all=1 HTTP/1.1");
        answer(&mut stream, "400 Bad Request", r#"{"message":"client version 1.56 is too new."}"#).await;
        assert_eq!(request(&mut stream).await, "GET /v1.45/containers/json?all=1 HTTP/1.1");
        answer(&mut stream, "200 OK", r#"[{"Id":"abc","Labels":null}]"#).await;
        assert_eq!(request(&mut stream).await, "GET /v1.45/containers/nope/json HTTP/1.1");
        answer(&mut stream, "404 Not Found", r#"{"message":"No such container: nope"}"#).await;
    };
    let options = ListOptions { all: true, ..ListOptions::default() };
    let calls = async {
        let list = client.container_list(&options).await.unwrap();
        assert_eq!(list[0].id, "abc");
        let error = client.container_inspect("nope").await.unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(error.to_string(), "No such container: nope");
    };
    tokio::join!(server, calls);
    assert_eq!(client.version(), ApiVersion { major: 1, minor: 45 });
}

#[tokio::test]
async fn nobody_listening_is_said_as_docker_says_it() {
    let client = Client::new(Endpoint::Unix("/nonexistent/x.sock".into()));
    let error = client.ping().await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }));
    assert!(error.to_string().starts_with("Cannot connect to the Docker daemon at unix:///nonexistent/x.sock."));
}

async fn attach_to(status: &'static str) {
    let engine = Engine::new();
    let client = engine.client();
    let server = async {
        let mut ping = engine.accept().await;
        assert_eq!(request(&mut ping).await, "HEAD /_ping HTTP/1.1");
        ping.write_all(b"HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        let mut stream = engine.accept().await;
        assert_eq!(request(&mut stream).await, "POST /v1.45/containers/c/attach?stream=1&stdin=1 HTTP/1.1");
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\r\nearly ");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut input = String::new();
        stream.read_to_string(&mut input).await.unwrap();
        // Written after the client closed its side: nothing may be lost.
        stream.write_all(format!("got {input}").as_bytes()).await.unwrap();
    };
    let options = AttachOptions { stream: true, stdin: true, ..AttachOptions::default() };
    let calls = async {
        let mut attached = client.container_attach("c", &options).await.unwrap();
        assert_eq!(attached.media, Media::Multiplexed);
        attached.write_all(b"input").await.unwrap();
        attached.shutdown().await.unwrap();
        let mut output = String::new();
        attached.read_to_string(&mut output).await.unwrap();
        assert_eq!(output, "early got input");
    };
    tokio::join!(server, calls);
}

#[tokio::test]
async fn attaching_with_an_upgrade() {
    attach_to("101 UPGRADED").await;
}

#[tokio::test]
async fn attaching_without_an_upgrade() {
    attach_to("200 OK").await;
}

#[tokio::test]
async fn refused_attach_gives_the_message() {
    let engine = Engine::new();
    let client = Client::configured(
        Endpoint::Unix(engine.path.clone()),
        Some(ApiVersion { major: 1, minor: 45 }),
        http::HeaderMap::new(),
    );
    let server = async {
        let mut stream = engine.accept().await;
        request(&mut stream).await;
        let chunked =
            "HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n12\r\n{\"message\":\"busy\"}\r\n0\r\n\r\n";
        stream.write_all(chunked.as_bytes()).await.unwrap();
    };
    let options = AttachOptions::default();
    let calls = client.container_attach("c", &options);
    let (_, refused) = tokio::join!(server, calls);
    let error = refused.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.to_string().as_str()), (409, "busy"));
}

#[tokio::test]
async fn waiting_returns_with_the_head_and_documents_come_one_by_one() {
    let engine = Engine::new();
    let client = Client::configured(Endpoint::Unix(engine.path.clone()), Some(ApiVersion::MAX), http::HeaderMap::new());
    let server = async {
        let mut wait = engine.accept().await;
        assert_eq!(request(&mut wait).await, "POST /v1.56/containers/c/wait?condition=next-exit HTTP/1.1");
        wait.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        // The waiting connection is in use: the next request opens another.
        let mut events = engine.accept().await;
        assert_eq!(request(&mut events).await, "GET /v1.56/events HTTP/1.1");
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunks = "10\r\n{\"Action\":\"die\"}\r\n12\r\n\n{\"Action\":\"start\"\r\n1\r\n}\r\n0\r\n\r\n";
        events.write_all(format!("{head}{chunks}").as_bytes()).await.unwrap();
        wait.write_all(b"10\r\n{\"StatusCode\":3}\r\n0\r\n\r\n").await.unwrap();
    };
    let calls = async {
        let waiting = client.container_wait("c", WaitCondition::NextExit).await.unwrap();
        let mut events = client.events(&Options::default()).await.unwrap();
        assert_eq!(events.next().await.unwrap().unwrap().action, "die");
        assert_eq!(events.next().await.unwrap().unwrap().action, "start");
        assert!(events.next().await.unwrap().is_none());
        assert_eq!(waiting.exit().await.unwrap().status_code, 3);
    };
    tokio::join!(server, calls);
}
