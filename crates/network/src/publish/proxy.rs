//! Carrying connections that the kernel cannot translate: one thread for all of them, started with the first.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::udp;
use crate::background::Background;

/// Wait after a failed `accept` (out of descriptors): there is no event to wait for.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Longest wait for a socket to be closed.
const CLOSING: Duration = Duration::from_secs(1);
/// Bytes read at once in each direction.
const BUFFER: usize = 64 * 1024;

/// The thread that carries.
#[derive(Debug)]
pub(super) struct Proxy {
    background: Background,
}

impl Default for Proxy {
    fn default() -> Proxy {
        Proxy { background: Background::new("net-proxy") }
    }
}

/// A served port. Dropping it closes the socket and the connections that are carried: the port is free afterwards.
#[derive(Debug)]
pub(super) struct Carried {
    task: AbortHandle,
    closed: mpsc::Receiver<()>,
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.task.abort();
        // The task is dropped by its own thread; this ends as soon as its sender is gone.
        let _ = self.closed.recv_timeout(CLOSING);
    }
}

/// A socket that tells when it is closed. Fields are dropped in order.
#[derive(Debug)]
pub(super) struct Front<S> {
    pub(super) socket: S,
    _closed: mpsc::Sender<()>,
}

impl Proxy {
    /// Serves a listening socket.
    pub(super) fn tcp(&self, listener: TcpListener, target: SocketAddr) -> io::Result<Carried> {
        let handle = self.background.handle()?;
        let socket = {
            let _guard = handle.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (sender, closed) = mpsc::channel();
        let task = handle.spawn(serve(Front { socket, _closed: sender }, target)).abort_handle();
        Ok(Carried { task, closed })
    }

    /// Serves a datagram socket.
    pub(super) fn udp(&self, socket: UdpSocket, target: SocketAddr) -> io::Result<Carried> {
        let handle = self.background.handle()?;
        let socket = {
            let _guard = handle.enter();
            tokio::net::UdpSocket::from_std(socket)?
        };
        let (sender, closed) = mpsc::channel();
        let task = handle.spawn(udp::serve(Front { socket, _closed: sender }, target)).abort_handle();
        Ok(Carried { task, closed })
    }
}

async fn serve(listener: Front<tokio::net::TcpListener>, target: SocketAddr) {
    // Dropped with this task: connections end with their port.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.socket.accept() => match accepted {
                Ok((client, _)) => { connections.spawn(carry(client, target)); }
                Err(error) => {
                    tracing::warn!(%error, %target, "cannot accept a connection to a published port");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(mut client: TcpStream, target: SocketAddr) {
    let Ok(mut server) = TcpStream::connect(target).await else {
        // The client sees what it would see without a proxy: a reset.
        let _ = client.set_zero_linger();
        return;
    };
    // Small packets must not wait for each other twice.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let _ = tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await;
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::Shutdown;

    use super::*;

    #[test]
    fn tcp_with_half_close() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = server.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut connection, _) = server.accept().unwrap();
            let mut got = Vec::new();
            connection.read_to_end(&mut got).unwrap();
            connection.write_all(&got).unwrap();
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = Proxy::default();
        let carried = proxy.tcp(listener, target).unwrap();
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.write_all(&[7; 300_000]).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut got = Vec::new();
        client.read_to_end(&mut got).unwrap();
        assert_eq!(got, [7; 300_000]);
        drop(carried);
    }

    #[test]
    fn udp_both_ways() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let target = server.local_addr().unwrap();
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        front.set_nonblocking(true).unwrap();
        let address = front.local_addr().unwrap();
        let proxy = Proxy::default();
        let _carried = proxy.udp(front, target).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(b"ping", address).unwrap();
        let mut buffer = [0; 16];
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"ping");
        server.send_to(b"pong", from).unwrap();
        let (length, from) = client.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..length], from), (&b"pong"[..], address));
    }
}
