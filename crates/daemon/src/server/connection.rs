//! One connection.

use super::lenient::Lenient;
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
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

/// Time a client has for the head of a request, idle time between requests included; as long as Docker's.
const HEADER_TIMEOUT: Duration = Duration::from_secs(300);

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
}

impl Transport for UnixStream {
    fn is_read(&self) -> bool {
        teu_sys::socket::unread(self.as_fd()).is_ok_and(|amount| amount == 0)
    }
}

impl Transport for TcpStream {}
impl Transport for TlsStream<TcpStream> {}
#[cfg(test)]
impl Transport for tokio::io::DuplexStream {}

/// What a handler can tell its connection.
#[derive(Debug)]
pub(crate) struct Connection {
    busy: Arc<watch::Sender<usize>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The request in progress is counted as one to be waited for at shutdown.
    counted: bool,
    pending: Option<Pending>,
}

impl Connection {
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

    fn begin(&self) {
        self.state().counted = true;
        self.busy.send_modify(|count| *count += 1);
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
pub(crate) async fn serve<T>(io: T, entry: Entry, mut stop: watch::Receiver<bool>, busy: Arc<watch::Sender<usize>>)
where
    T: Transport,
{
    let connection = Arc::new(Connection { busy, state: Mutex::default() });
    let shared = connection.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (entry, shared) = (entry.clone(), shared.clone());
        let answer: BoxFuture<'static, Result<_, Infallible>> = Box::pin(async move {
            // The previous answer of this connection is out.
            shared.is_stream();
            shared.begin();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(shared);
            Ok(entry.answer(request).await)
        });
        answer
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).title_case_headers(true);
    let mut http = http.serve_connection(TokioIo::new(Lenient::new(io)), service);
    let mut stopping = false;
    let ended = loop {
        let ended = tokio::select! {
            ended = poll_fn(|cx| http.poll_without_shutdown(cx)) => Some(ended),
            () = told(&mut stop), if !stopping => None,
        };
        if let Some(ended) = ended {
            break ended;
        }
        stopping = true;
        Pin::new(&mut http).graceful_shutdown();
    };
    if let Err(error) = ended {
        tracing::trace!("a connection broke: {error}");
        return;
    }
    let pending = connection.state().pending.take();
    if let Some(pending) = pending {
        let parts = http.into_parts();
        let (io, behind) = parts.io.into_inner().into_parts();
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
