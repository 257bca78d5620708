//! One connection.

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
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

/// Time a client has for the head of a request, idle time between requests included; as long as Docker's.
const HEADER_TIMEOUT: Duration = Duration::from_secs(300);

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
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
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
    let mut http = http.serve_connection(TokioIo::new(io), service);
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
        pending.run(parts.io.into_inner(), parts.read_buf).await;
    }
}
