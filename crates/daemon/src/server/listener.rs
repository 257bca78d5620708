//! Sockets that are listened on: unix, TCP with and without TLS, and those passed by a service manager.

use super::connection::{Connection, serve, told};
use super::{ListenError, TlsSettings, group};
use crate::config::Host;
use crate::http::Entry;
use rustix::fs::{Gid, Mode, chown};
use rustix::net::SocketAddrUnix;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use teu_sys::activation::{self, Given, Passed};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// A socket that is listened on.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    /// Where it is, for the log.
    address: String,
    /// Number and name that it was passed with by a service manager.
    passed: Option<(RawFd, String)>,
}

/// A second descriptor of a socket that is listened on: as long as it is open, nobody who connects is refused.
#[derive(Debug)]
pub(crate) struct Kept {
    fd: OwnedFd,
    passed: Option<(RawFd, String)>,
}

/// Leaves sockets to the next program of this process. Returns the variable that tells it.
pub(crate) fn leave(kept: &[Kept]) -> io::Result<(&'static str, OsString)> {
    activation::leave(kept.iter().map(|kept| {
        let passed = kept.passed.as_ref().map(|(number, name)| (*number, name.as_str()));
        (&kept.fd, passed)
    }))
}

enum Socket {
    Unix(UnixListener),
    Tcp(TcpListener, Option<TlsAcceptor>),
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unix(_) => "Unix",
            Self::Tcp(_, None) => "Tcp",
            Self::Tcp(_, Some(_)) => "Tls",
        })
    }
}

/// How long accepting pauses when the process is out of descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);
/// Time a client has for the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Binds all addresses. `group` owns unix sockets; if not named, `teu` or `docker` if there is one.
pub(crate) async fn bind(
    hosts: &[Host],
    group: Option<&str>,
    tls: Option<&TlsSettings>,
) -> Result<Vec<Listener>, ListenError> {
    let acceptor = tls.map(TlsSettings::acceptor).transpose()?;
    let Given { mut passed, mut kept } = activation::take();
    let mut listeners = Vec::new();
    for host in hosts {
        match host {
            Host::Unix(path) => listeners.push(match take_unix(&mut kept, path)? {
                Some(listener) => listener,
                None => unix(path, group)?,
            }),
            Host::Tcp { host: name, port } => {
                if acceptor.is_none() {
                    warn_unprotected(name, *port);
                }
                for address in addresses(name, *port)? {
                    listeners.push(match take_tcp(&mut kept, (address, *port).into(), acceptor.as_ref())? {
                        Some(listener) => listener,
                        None => tcp((address, *port), acceptor.clone()).await?,
                    });
                }
            }
            Host::Activated(name) => listeners.extend(activated(name.as_deref(), &mut passed, acceptor.as_ref())?),
        }
    }
    Ok(listeners)
}

fn warn_unprotected(host: &str, port: u16) {
    tracing::warn!(
        "[DEPRECATION NOTICE]: API is accessible on http://{host}:{port} without encryption. \
         Access to the remote API is equivalent to root access on the host. \
         Use --tlsverify, or a unix socket reached over SSH."
    );
}

/// Addresses of a host. Names other than `localhost` are not resolved: what is listened on should not depend on DNS.
fn addresses(host: &str, port: u16) -> Result<Vec<IpAddr>, ListenError> {
    if host == "localhost" {
        return Ok(vec![IpAddr::from([127, 0, 0, 1])]);
    }
    let unknown = |_| ListenError::NoSuchHost { host: format!("{host}:{port}") };
    Ok(vec![host.parse().map_err(unknown)?])
}

async fn tcp(address: (IpAddr, u16), acceptor: Option<TlsAcceptor>) -> Result<Listener, ListenError> {
    let shown = format!("tcp://{}", std::net::SocketAddr::from(address));
    let listener = TcpListener::bind(address).await.map_err(|source| failed(&shown, source))?;
    Ok(Listener { socket: Socket::Tcp(listener, acceptor), address: shown, passed: None })
}

fn failed(host: &str, source: io::Error) -> ListenError {
    ListenError::Bind { host: host.to_owned(), source }
}

/// Binds a unix socket with mode 0660. A socket left behind is replaced, one that answers is not.
fn unix(path: &Path, group: Option<&str>) -> Result<Listener, ListenError> {
    let address = format!("unix://{}", path.display());
    let bound = || -> io::Result<UnixListener> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        remove_stale(path)?;
        // Nobody can connect between creation and the change of its mode.
        let mask = rustix::process::umask(Mode::from_raw_mode(0o117));
        let listener = UnixListener::bind(path);
        rustix::process::umask(mask);
        let listener = listener?;
        if let Some(gid) = group::owner(group)? {
            chown(path, None, Some(Gid::from_raw(gid)))?;
        }
        Ok(listener)
    };
    let listener = bound().map_err(|source| failed(&address, source))?;
    Ok(Listener { socket: Socket::Unix(listener), address, passed: None })
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is not a socket"));
    }
    if StdUnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process is listening"));
    }
    fs::remove_file(path)
}

/// Sockets passed by a service manager: all, or those of a name or number.
fn activated(
    name: Option<&str>,
    passed: &mut Vec<Passed>,
    acceptor: Option<&TlsAcceptor>,
) -> Result<Vec<Listener>, ListenError> {
    if passed.is_empty() {
        return Err(ListenError::NoActivation);
    }
    let wanted = |one: &Passed| name.is_none_or(|name| one.name == name || one.number.to_string() == name);
    let (taken, left): (Vec<_>, Vec<_>) = passed.drain(..).partition(wanted);
    *passed = left;
    match (taken.is_empty(), name) {
        (true, Some(name)) => Err(ListenError::NoSuchActivation(name.to_owned())),
        _ => taken.into_iter().map(|one| adopt(one, acceptor)).collect(),
    }
}

fn adopt(passed: Passed, acceptor: Option<&TlsAcceptor>) -> Result<Listener, ListenError> {
    let address = format!("fd://{}", passed.number);
    let socket = adopt_socket(passed.fd, acceptor).map_err(|source| failed(&address, source))?;
    Ok(Listener { socket, address, passed: Some((passed.number, passed.name)) })
}

/// The socket that the program before listened on at this path.
fn take_unix(kept: &mut Vec<OwnedFd>, path: &Path) -> Result<Option<Listener>, ListenError> {
    let is_it = |fd: &OwnedFd| {
        let address = rustix::net::getsockname(fd).ok().and_then(|address| SocketAddrUnix::try_from(address).ok());
        address.is_some_and(|address| address.path_bytes() == Some(path.as_os_str().as_bytes()))
    };
    take(kept, is_it, format!("unix://{}", path.display()), None)
}

/// The socket that the program before listened on at this address.
fn take_tcp(
    kept: &mut Vec<OwnedFd>,
    at: SocketAddr,
    acceptor: Option<&TlsAcceptor>,
) -> Result<Option<Listener>, ListenError> {
    let is_it = |fd: &OwnedFd| {
        let address = rustix::net::getsockname(fd).ok().and_then(|address| SocketAddr::try_from(address).ok());
        address == Some(at)
    };
    take(kept, is_it, format!("tcp://{at}"), acceptor)
}

fn take(
    kept: &mut Vec<OwnedFd>,
    is_it: impl Fn(&OwnedFd) -> bool,
    address: String,
    acceptor: Option<&TlsAcceptor>,
) -> Result<Option<Listener>, ListenError> {
    let Some(at) = kept.iter().position(is_it) else { return Ok(None) };
    let socket = adopt_socket(kept.swap_remove(at), acceptor).map_err(|source| failed(&address, source))?;
    Ok(Some(Listener { socket, address, passed: None }))
}

fn adopt_socket(fd: OwnedFd, acceptor: Option<&TlsAcceptor>) -> io::Result<Socket> {
    rustix::io::ioctl_fionbio(fd.as_fd(), true)?;
    let is_unix = rustix::net::sockopt::socket_domain(&fd)? == rustix::net::AddressFamily::UNIX;
    if is_unix {
        return Ok(Socket::Unix(UnixListener::from_std(fd.into())?));
    }
    Ok(Socket::Tcp(TcpListener::from_std(fd.into())?, acceptor.cloned()))
}

impl Listener {
    /// Keeps the socket open beyond the listener's end.
    pub(crate) fn keep(&self) -> io::Result<Kept> {
        let fd = match &self.socket {
            Socket::Unix(listener) => listener.as_fd().try_clone_to_owned()?,
            Socket::Tcp(listener, _) => listener.as_fd().try_clone_to_owned()?,
        };
        Ok(Kept { fd, passed: self.passed.clone() })
    }

    /// Accepts connections until told to stop.
    pub(super) async fn accept_all(
        self,
        entry: Entry,
        mut stop: watch::Receiver<bool>,
        busy: Arc<watch::Sender<usize>>,
    ) {
        tracing::info!("API listen on {}", self.address);
        let stopped = stop.clone();
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept(&entry, &stopped, &busy) => accepted,
                () = told(&mut stop) => return,
            };
            if let Err(error) = accepted {
                tracing::warn!("cannot accept a connection on {}: {error}", self.address);
                // Not an event one could wait for: descriptors become free anywhere on the machine.
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

impl Socket {
    /// Accepts one connection and leaves it to a task.
    async fn accept(
        &self,
        entry: &Entry,
        stop: &watch::Receiver<bool>,
        busy: &Arc<watch::Sender<usize>>,
    ) -> io::Result<()> {
        let (entry, stop, busy) = (entry.clone(), stop.clone(), busy.clone());
        match self {
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(serve(stream, entry, stop, Connection::accepted(busy)));
            }
            Self::Tcp(listener, None) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::spawn(serve(stream, entry, stop, Connection::accepted(busy)));
            }
            Self::Tcp(listener, Some(acceptor)) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => serve(stream, entry, stop, Connection::accepted(busy)).await,
                        Ok(Err(error)) => tracing::info!("TLS handshake error from {peer}: {error}"),
                        Err(_) => tracing::info!("TLS handshake with {peer} took too long"),
                    }
                });
            }
        }
        Ok(())
    }
}
