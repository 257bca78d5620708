//! One connection.

use super::lenient::Lenient;
use super::peer::Peer;
use super::progress::{Answer, Flushing};
use crate::http::{Entry, Pending};
use axum::body::Body;
use futures_util::future::BoxFuture;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::poll_fn;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Notify, watch};
use tokio_rustls::server::TlsStream;

/// Time a client has for the head of a request, idle time between requests included; as long as Docker's.
const HEADER_TIMEOUT: Duration = Duration::from_secs(300);

/// Whoever has connected is waited for this long at shutdown to say what it wants, as if it had: a connection that is closed
/// with a request in it is reset.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// How long a client may take to read the head of an answer before the stream follows anyway.
const HEAD_TIMEOUT: Duration = Duration::from_millis(100);
/// Time between two looks at whether it has: the kernel does not tell when a peer has read.
const HEAD_INTERVAL: Duration = Duration::from_millis(1);

/// What a connection is made of.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Whether the other side has read all that was written, as far as that can be known.
    fn is_read(&self) -> bool {
        true
    }

    /// Its other side, to see whether it is still there.
    fn peer(&self) -> std::io::Result<Peer>;
}

impl Transport for UnixStream {
    fn peer(&self) -> std::io::Result<Peer> {
        Peer::local(self)
    }

    fn is_read(&self) -> bool {
        teu_sys::socket::unread(self.as_fd()).is_ok_and(|amount| amount == 0)
    }
}

impl Transport for TcpStream {
    fn peer(&self) -> std::io::Result<Peer> {
        Peer::remote(self)
    }
}

impl Transport for TlsStream<TcpStream> {
    fn peer(&self) -> std::io::Result<Peer> {
        self.get_ref().0.peer()
    }
}

#[cfg(test)]
impl Transport for tokio::io::DuplexStream {
    fn peer(&self) -> std::io::Result<Peer> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

/// What a handler can tell its connection.
#[derive(Debug)]
pub(crate) struct Connection {
    busy: Arc<watch::Sender<usize>>,
    state: Mutex<State>,
    /// Told of each request.
    begun: Notify,
    /// Told of each request, and of each answer that is out.
    turn: Notify,
}

/// Work that shutdown waits for.
#[derive(Debug)]
pub(crate) struct Busy(Arc<watch::Sender<usize>>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[derive(Debug, Default)]
struct State {
    /// The request in progress is counted as one to be waited for at shutdown.
    counted: bool,
    /// A request came whose answer is not out.
    open: bool,
    /// Its answer is made, and out with the next flush.
    answered: bool,
    pending: Option<Pending>,
}

impl Connection {
    /// One that has just been accepted: counted until its first request comes or [`FIRST_REQUEST`] is over.
    pub(crate) fn accepted(busy: Arc<watch::Sender<usize>>) -> Self {
        let connection = Self { busy, state: Mutex::default(), begun: Notify::new(), turn: Notify::new() };
        connection.count();
        connection
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer may last for ever: shutdown does not wait for it.
    pub(crate) fn is_stream(&self) {
        if std::mem::take(&mut self.state().counted) {
            self.busy.send_modify(|count| *count -= 1);
        }
    }

    /// The connection belongs to `pending` once the head of the answer is sent.
    pub(crate) fn hijack(&self, pending: Pending) {
        self.is_stream();
        self.state().pending = Some(pending);
    }

    /// Something that is to be waited for at shutdown although the answer may last for ever, until it is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.busy.send_modify(|count| *count += 1);
        Busy(Arc::clone(&self.busy))
    }

    fn begin(&self) {
        self.count();
        let mut state = self.state();
        (state.answered, state.open) = (false, true);
        drop(state);
        self.begun.notify_one();
        self.turn.notify_one();
    }

    /// The answer is made.
    pub(super) fn answered(&self) {
        self.state().answered = true;
    }

    /// What was made is out.
    pub(super) fn flushed(&self) {
        if self.state().answered {
            self.is_stream();
            if std::mem::take(&mut self.state().open) {
                self.turn.notify_one();
            }
        }
    }

    /// Resolves when a request is in progress and nobody waits for its answer any more.
    async fn abandoned(&self, peer: std::io::Result<Peer>) {
        let Ok(peer) = peer else { return std::future::pending().await };
        loop {
            let open = self.state().open;
            tokio::select! {
                () = peer.gone(), if open => return,
                () = self.turn.notified() => {}
            }
        }
    }

    fn count(&self) {
        if !std::mem::replace(&mut self.state().counted, true) {
            self.busy.send_modify(|count| *count += 1);
        }
    }

    /// Resolves when its first request has come, or when that takes too long: then it is waited for no more.
    async fn first(&self) {
        if tokio::time::timeout(FIRST_REQUEST, self.begun.notified()).await.is_err() {
            self.is_stream();
        }
    }
}

/// A connection that breaks has no request in progress.
impl Drop for Connection {
    fn drop(&mut self) {
        self.is_stream();
    }
}

/// Resolves when the server is told to stop, or is gone.
pub(super) async fn told(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}

/// Serves a connection to its end.
pub(crate) async fn serve<T>(io: T, entry: Entry, mut stop: watch::Receiver<bool>, connection: Connection)
where
    T: Transport,
{
    let connection = Arc::new(connection);
    let shared = connection.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (entry, shared) = (entry.clone(), shared.clone());
        let answer: BoxFuture<'static, Result<_, Infallible>> = Box::pin(async move {
            shared.begin();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(shared.clone());
            Ok(entry.answer(request).await.map(|body| Answer::new(body, shared)))
        });
        answer
    });
    let mut abandoned = Box::pin(connection.abandoned(io.peer()));
    let mut http = http1::Builder::new();
    http.half_close(true);
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).title_case_headers(true);
    let io = Flushing::new(Lenient::new(io), connection.clone());
    let mut http = http.serve_connection(TokioIo::new(io), service);
    let mut stopping = false;
    // The first request comes before anything else can be asked of this connection.
    let mut leave = pin!(async {
        connection.first().await;
        told(&mut stop).await;
    });
    let ended = loop {
        let ended = tokio::select! {
            ended = poll_fn(|cx| http.poll_without_shutdown(cx)) => Some(ended),
            () = &mut leave, if !stopping => None,
            () = &mut abandoned => return,
        };
        if let Some(ended) = ended {
            break ended;
        }
        stopping = true;
        Pin::new(&mut http).graceful_shutdown();
    };
    // A second descriptor would keep a stream open whose end has come.
    drop(abandoned);
    if let Err(error) = ended {
        tracing::trace!("a connection broke: {error}");
        return;
    }
    let pending = connection.state().pending.take();
    if let Some(pending) = pending {
        let parts = http.into_parts();
        let (io, behind) = parts.io.into_inner().into_inner().into_parts();
        let mut read = parts.read_buf;
        if !behind.is_empty() {
            read = [&read[..], &behind].concat().into();
        }
        if pending.after_head {
            head_is_read(&io).await;
        }
        pending.run(io, read).await;
    }
}

/// Waits until the client has read the head of the answer.
async fn head_is_read(io: &impl Transport) {
    let read = async {
        while !io.is_read() {
            tokio::time::sleep(HEAD_INTERVAL).await;
        }
    };
    // A client that is this slow is not one that loses what comes with the head.
    drop(tokio::time::timeout(HEAD_TIMEOUT, read).await);
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    const LARGE: usize = 1 << 20;

    fn connect(stop: &watch::Sender<bool>, busy: &Arc<watch::Sender<usize>>) -> DuplexStream {
        let (client, server) = tokio::io::duplex(4096);
        let routes = Router::new()
            .route("/plain", get(|| async { "plain" }))
            .route("/large", get(|| async { "x".repeat(LARGE) }));
        let entry = Entry::with_router(routes);
        tokio::spawn(serve(server, entry, stop.subscribe(), Connection::accepted(busy.clone())));
        client
    }

    #[tokio::test]
    async fn who_connects_just_before_the_end_is_answered() {
        let (stop, busy) = (watch::Sender::new(false), Arc::new(watch::Sender::new(0)));
        let mut client = connect(&stop, &busy);
        assert_eq!(*busy.borrow(), 1, "it is waited for");
        stop.send_replace(true);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        client.write_all(b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("plain"), "{answer:?}");
        busy.subscribe().wait_for(|count| *count == 0).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_answered_is_not_waited_for() {
        let (stop, busy) = (watch::Sender::new(false), Arc::new(watch::Sender::new(0)));
        let mut client = connect(&stop, &busy);
        for _ in 0..2 {
            client.write_all(b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"plain") {
                assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0);
            }
            busy.subscribe().wait_for(|count| *count == 0).await.unwrap();
        }
        // More than the connection holds: it is waited for until it is out.
        client.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = vec![client.read_u8().await.unwrap()];
        assert_eq!(*busy.borrow(), 1, "most of the answer is on its way");
        stop.send_replace(true);
        client.read_to_end(&mut answer).await.unwrap();
        assert!(answer.len() > LARGE);
        busy.subscribe().wait_for(|count| *count == 0).await.unwrap();
    }

    #[tokio::test]
    async fn who_says_nothing_is_not_waited_for() {
        let (stop, busy) = (watch::Sender::new(false), Arc::new(watch::Sender::new(0)));
        let mut client = connect(&stop, &busy);
        busy.subscribe().wait_for(|count| *count == 0).await.unwrap();
        // It is served all the same.
        client.write_all(b"GET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("plain"), "{answer:?}");
        // Nothing is in it at the end.
        let mut silent = connect(&stop, &busy);
        stop.send_replace(true);
        assert_eq!(silent.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_answer_comes_to_who_sends_no_more_but_is_not_made_for_nobody() {
        let (asked, mut made) = tokio::sync::mpsc::channel::<tokio::sync::oneshot::Sender<&'static str>>(1);
        let slow = get(move || async move {
            let (answer, made) = tokio::sync::oneshot::channel();
            asked.send(answer).await.unwrap();
            made.await.unwrap()
        });
        let entry = Entry::with_router(Router::new().route("/slow", slow));
        let (stop, busy) = (watch::Sender::new(false), Arc::new(watch::Sender::new(0)));
        for stays in [true, false] {
            let (mut client, server) = UnixStream::pair().unwrap();
            tokio::spawn(serve(server, entry.clone(), stop.subscribe(), Connection::accepted(busy.clone())));
            client.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            client.shutdown().await.unwrap();
            let mut making = made.recv().await.unwrap();
            if stays {
                making.send("done").unwrap();
                let mut answer = String::new();
                client.read_to_string(&mut answer).await.unwrap();
                assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer:?}");
            } else {
                drop(client);
                making.closed().await;
            }
        }
    }
}
