//! Connections to an engine: dialling, and reuse over requests.

use super::{Endpoint, Error, RequestBody, SshStream, tls};
use hickory_resolver::TokioResolver;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A connection in its raw form.
#[derive(Debug)]
pub enum Stream {
    /// Unix socket.
    Unix(UnixStream),
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
    /// Standard streams of a command that `ssh` runs.
    Ssh(Box<SshStream>),
}

impl Stream {
    /// Opens a connection.
    ///
    /// # Errors
    /// Nobody answers, or its certificate is not accepted.
    pub async fn connect(endpoint: &Endpoint) -> Result<Stream, Error> {
        dial(endpoint).await
    }
}

/// Opens a connection.
pub(super) async fn dial(endpoint: &Endpoint) -> Result<Stream, Error> {
    let failed = |source| Error::Connect { endpoint: endpoint.to_string(), source };
    match endpoint {
        Endpoint::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await.map_err(failed)?)),
        Endpoint::Ssh(target) => Ok(Stream::Ssh(Box::new(target.dial()?))),
        Endpoint::Tcp { host, port, tls, .. } => {
            let tcp = connect_any(host, *port).await.map_err(failed)?;
            tcp.set_nodelay(true).map_err(failed)?;
            let Some(files) = tls else { return Ok(Stream::Tcp(tcp)) };
            let connector = TlsConnector::from(Arc::new(tls::config(files)?));
            let name = ServerName::try_from(host.clone()).map_err(|error| failed(io::Error::other(error)))?;
            let stream = connector.connect(name, tcp).await.map_err(failed)?;
            Ok(Stream::Tls(Box::new(stream)))
        }
    }
}

/// Addresses of a host. The system's resolver is no choice in a static executable.
///
/// # Errors
/// It has none.
pub async fn resolve(host: &str) -> io::Result<Vec<IpAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![address]);
    }
    let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build()).map_err(io::Error::other)?;
    Ok(resolver.lookup_ip(host).await.map_err(io::Error::other)?.iter().collect())
}

/// Connects to the first address of a host that answers.
async fn connect_any(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("no such host {host}"));
    for address in resolve(host).await? {
        match TcpStream::connect((address, port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

type Sender = http1::SendRequest<RequestBody>;

/// Connections that wait for their next request.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Sender>>);

impl Pool {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Sender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is ready for a request: an idle one, or a new one. Tells whether it is a new one.
    pub(super) async fn take(&self, endpoint: &Endpoint) -> Result<(Sender, bool), Error> {
        loop {
            let Some(mut sender) = self.idle().pop() else { break };
            if sender.ready().await.is_ok() {
                return Ok((sender, false));
            }
        }
        let stream = dial(endpoint).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its errors reach the request that waits for the answer.
        tokio::spawn(async move { connection.await.ok() });
        sender.ready().await?;
        Ok((sender, true))
    }

    /// Gives a connection back for the next request.
    pub(super) fn put(&self, sender: Sender) {
        if !sender.is_closed() {
            self.idle().push(sender);
        }
    }
}

/// A connection in use; it goes back to the pool once the answer is read to its end.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) sender: Sender,
    pub(super) pool: Arc<Pool>,
}

impl Lease {
    pub(super) fn release(self) {
        self.pool.put(self.sender);
    }
}

macro_rules! each {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Unix($stream) => $call,
            Stream::Tcp($stream) => $call,
            Stream::Tls($stream) => $call,
            Stream::Ssh($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }
    fn is_write_vectored(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Tcp(_))
    }
}
