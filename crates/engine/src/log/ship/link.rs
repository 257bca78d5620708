//! Connections to receivers.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use teu_api::client::{Endpoint, Stream, TlsFiles, resolve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UdpSocket, UnixDatagram};

use super::fluentd;
use super::messages::Messages;
use crate::log::options::Address;

/// A receiver that does not take a batch in this time is treated as gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where journald listens.
pub(crate) const JOURNAL: &str = "/run/systemd/journal/socket";
/// Where the machine's own syslog may listen.
const SYSTEM_LOGS: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];

/// An open connection.
pub(super) struct Link {
    kind: Kind,
    write_timeout: Duration,
    read_timeout: Duration,
}

enum Kind {
    Udp(UdpSocket),
    Datagram(UnixDatagram),
    Stream(Stream),
}

impl From<Kind> for Link {
    fn from(kind: Kind) -> Link {
        Link { kind, write_timeout: PATIENCE, read_timeout: PATIENCE }
    }
}

impl Link {
    /// Connects to a receiver.
    pub(super) async fn open(address: &Address, tls: &TlsFiles) -> io::Result<Link> {
        let opening = async {
            Ok(Link::from(match address {
                Address::Udp { host, port } => Kind::Udp(udp(host, *port).await?),
                Address::Tcp { host, port } => Kind::Stream(stream(host, *port, None).await?),
                Address::Tls { host, port } => Kind::Stream(stream(host, *port, Some(tls.clone())).await?),
                Address::Unix(path) => {
                    Kind::Stream(Stream::connect(&Endpoint::Unix(path.clone())).await.map_err(io::Error::other)?)
                }
                Address::UnixDatagram(path) => Kind::Datagram(datagram(path)?),
            }))
        };
        tokio::time::timeout(PATIENCE, opening).await?
    }

    /// Connects to journald.
    pub(super) async fn journal() -> io::Result<Link> {
        Ok(Kind::Datagram(datagram(Path::new(JOURNAL))?).into())
    }

    /// Connects to the machine's own syslog, whichever kind of socket it has.
    pub(super) async fn system_log() -> io::Result<Link> {
        for path in SYSTEM_LOGS {
            if let Ok(socket) = datagram(Path::new(path)) {
                return Ok(Kind::Datagram(socket).into());
            }
            if let Ok(stream) = Stream::connect(&Endpoint::Unix(path.into())).await {
                return Ok(Kind::Stream(stream).into());
            }
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "Unix syslog delivery error"))
    }

    /// Other limits than the usual.
    pub(super) fn with_timeouts(mut self, write: Option<Duration>, read: Option<Duration>) -> Link {
        self.write_timeout = write.unwrap_or(PATIENCE);
        self.read_timeout = read.unwrap_or(PATIENCE);
        self
    }

    /// Sends messages from the `sent`th on, which is counted up where each arrives for itself.
    pub(super) async fn send(&mut self, messages: &Messages, sent: &mut usize) -> io::Result<()> {
        let (write, read) = (self.write_timeout, self.read_timeout);
        match &mut self.kind {
            Kind::Udp(socket) => {
                for message in messages.from(*sent) {
                    deliverable(socket.send(message).await, message.len())?;
                    *sent += 1;
                }
                Ok(())
            }
            Kind::Datagram(socket) => {
                for message in messages.from(*sent) {
                    let sending = tokio::time::timeout(write, socket.send(message));
                    deliverable(sending.await?, message.len())?;
                    *sent += 1;
                }
                Ok(())
            }
            Kind::Stream(stream) => {
                check_open(stream).await?;
                tokio::time::timeout(write, async {
                    stream.write_all(messages.bytes()).await?;
                    stream.flush().await
                })
                .await??;
                tokio::time::timeout(read, confirmed(stream, messages)).await?
            }
        }
    }
}

/// A message that can never be sent must not hold up those after it.
fn deliverable(sent: io::Result<usize>, len: usize) -> io::Result<()> {
    match sent {
        Ok(_) => Ok(()),
        Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
            tracing::warn!(len, "a log message is too long for its receiver's socket and is left out");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Whether the other side has closed the connection: what is written after that would be lost without an error.
async fn check_open(stream: &mut Stream) -> io::Result<()> {
    let mut byte = [0];
    tokio::select! {
        biased;
        read = stream.read(&mut byte) => match read? {
            0 => Err(io::ErrorKind::ConnectionAborted.into()),
            // Nobody asked it to say anything.
            _ => Ok(()),
        },
        () = std::future::ready(()) => Ok(()),
    }
}

/// Waits for what the receiver was asked to confirm.
async fn confirmed(stream: &mut Stream, messages: &Messages) -> io::Result<()> {
    let mut open: HashSet<&str> = messages.confirmations.iter().map(String::as_str).collect();
    let mut received = Vec::new();
    while !open.is_empty() {
        if stream.read_buf(&mut received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut used = 0;
        while let Some((chunk, len)) = fluentd::confirmation(&received[used..])? {
            open.remove(chunk);
            used += len;
        }
        received.drain(..used);
    }
    Ok(())
}

async fn stream(host: &str, port: u16, tls: Option<TlsFiles>) -> io::Result<Stream> {
    let endpoint = Endpoint::Tcp { host: host.to_owned(), port, base: String::new(), tls };
    Stream::connect(&endpoint).await.map_err(io::Error::other)
}

async fn udp(host: &str, port: u16) -> io::Result<UdpSocket> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("no such host {host}"));
    for address in resolve(host).await? {
        let any = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let connect = async {
            let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
            socket.connect((address, port)).await?;
            Ok(socket)
        };
        match connect.await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn datagram(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    Ok(socket)
}
