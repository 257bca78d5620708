//! Asking others.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::RecvFlags;
use teu_sys::netns;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::answer;

/// How long a server may take, as in Docker: clients wait for 5 s.
const PATIENCE: Duration = Duration::from_secs(4);
/// How many servers are asked.
const SERVERS: usize = 3;
/// Bytes of the longest message.
const LONGEST: usize = 65_535;

/// From where others are asked.
#[derive(Clone, Debug)]
pub(super) enum From {
    /// From the host's network.
    Host,
    /// From the container's.
    Inside(Arc<OwnedFd>),
}

/// The answer of the first server that has one; `None` if none has.
pub(super) async fn ask(query: &[u8], servers: &[SocketAddr], from: &From, datagram: bool) -> Option<Vec<u8>> {
    let mut refused = None;
    for server in servers.iter().take(SERVERS) {
        let asking = async {
            if datagram { by_datagram(query, *server, from).await } else { by_stream(query, *server, from).await }
        };
        match timeout(PATIENCE, asking).await {
            Ok(Ok(answer)) if !answer::is_refusal(&answer) => return Some(answer),
            Ok(Ok(answer)) => refused = Some(answer),
            Ok(Err(error)) => tracing::debug!(%server, %error, "a name server cannot be asked"),
            Err(_) => tracing::debug!(%server, "a name server does not answer"),
        }
    }
    refused
}

/// Each query has a socket of its own, with a port that nobody can guess.
async fn by_datagram(query: &[u8], server: SocketAddr, from: &From) -> io::Result<Vec<u8>> {
    let any: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let open = move || {
        let socket = std::net::UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    let socket = UdpSocket::from_std(from.opened(open).await?)?;
    socket.connect(server).await?;
    socket.send(query).await?;
    // The buffer is made when there is something to read: of those that wait, there may be thousands.
    let received = || {
        let mut buffer = vec![0; LONGEST];
        let (_, length) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::DONTWAIT)?;
        buffer.truncate(length);
        Ok(buffer)
    };
    loop {
        // That there is no server is told as an error, at once.
        let answer = socket.async_io(Interest::READABLE | Interest::ERROR, received).await?;
        if answer::is_answer(query, &answer) {
            return Ok(answer);
        }
    }
}

async fn by_stream(query: &[u8], server: SocketAddr, from: &From) -> io::Result<Vec<u8>> {
    let mut stream = match from {
        From::Host => TcpStream::connect(server).await?,
        From::Inside(_) => {
            let open = move || {
                let stream = std::net::TcpStream::connect_timeout(&server, PATIENCE)?;
                stream.set_nonblocking(true)?;
                Ok(stream)
            };
            TcpStream::from_std(from.opened(open).await?)?
        }
    };
    write(&mut stream, query).await?;
    let answer = read(&mut stream, LONGEST).await?;
    if answer::is_answer(query, &answer) { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
}

impl From {
    /// What `open` opens, there.
    async fn opened<T: Send + 'static>(&self, open: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
        match self {
            From::Host => open(),
            From::Inside(namespace) => {
                let namespace = Arc::clone(namespace);
                let work = move || netns::run_in(namespace.as_fd(), open);
                tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
            }
        }
    }
}

/// A message of a stream, with its length in front, which may be `longest`.
pub(super) async fn read(stream: &mut TcpStream, longest: usize) -> io::Result<Vec<u8>> {
    let length = usize::from(stream.read_u16().await?);
    if length > longest {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Writes a message to a stream, with its length in front.
pub(super) async fn write(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut bytes = Vec::with_capacity(message.len() + 2);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(message);
    stream.write_all(&bytes).await
}
