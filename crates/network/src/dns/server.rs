//! Serving all containers' sockets, on one thread.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::answer::{self, Outcome};
use super::forward::{self, From};
use super::{Client, Sockets};
use crate::background::Background;

/// Queries of one container that others are asked about at the same time: each takes a descriptor.
const ASKED_AT_ONCE: usize = 128;
/// Of all containers.
const ASKED_AT_ALL: usize = 2048;
/// Connections of one container.
const CONNECTIONS: usize = 32;
/// How long a connection may be idle (RFC 7766 6.2.3: a few seconds).
const IDLE: Duration = Duration::from_secs(10);
/// Wait after a failed call that no event follows.
const RETRY: Duration = Duration::from_millis(100);
/// Bytes of the longest query that is read: a name has 255, and what EDNS adds is short.
const LONGEST: usize = 4096;

/// The thread that serves.
#[derive(Debug)]
pub(crate) struct Server {
    background: Background,
    all: Arc<Semaphore>,
}

/// A container that is served, until this is dropped.
#[derive(Debug)]
pub(crate) struct Served {
    /// What it sees.
    pub(crate) client: Arc<Client>,
    tasks: [AbortHandle; 2],
}

impl Drop for Served {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// What both kinds of sockets share.
#[derive(Debug)]
struct Shared {
    client: Arc<Client>,
    from: From,
    own: Semaphore,
    all: Arc<Semaphore>,
}

impl Server {
    pub(crate) fn new() -> Server {
        Server { background: Background::new("net-dns"), all: Arc::new(Semaphore::new(ASKED_AT_ALL)) }
    }

    /// Serves a container's sockets. `namespace` is where they are.
    pub(crate) fn serve(&self, sockets: Sockets, client: Client, namespace: OwnedFd) -> io::Result<Served> {
        let handle = self.background.handle()?;
        let (udp, tcp) = {
            let _guard = handle.enter();
            (UdpSocket::from_std(sockets.udp)?, TcpListener::from_std(sockets.tcp)?)
        };
        let client = Arc::new(client);
        let from = if client.config().inside { From::Inside(Arc::new(namespace)) } else { From::Host };
        let all = Arc::clone(&self.all);
        let shared = Arc::new(Shared { client: Arc::clone(&client), from, own: Semaphore::new(ASKED_AT_ONCE), all });
        let tasks = [
            handle.spawn(datagrams(udp, Arc::clone(&shared))).abort_handle(),
            handle.spawn(connections(tcp, shared)).abort_handle(),
        ];
        Ok(Served { client, tasks })
    }
}

impl Shared {
    /// The answer to a query, if it is one.
    async fn answer(&self, query: &[u8], datagram: bool) -> Option<Vec<u8>> {
        let outcome = match answer::answer(query, &self.client, datagram) {
            Outcome::Forward => match self.ask(query, datagram).await {
                Some(answer) => Outcome::Reply(answer),
                None => answer::failure(query, datagram),
            },
            other => other,
        };
        if let Outcome::Reply(answer) = outcome { Some(answer) } else { None }
    }

    /// What others answer, as long as not too many are asked.
    async fn ask(&self, query: &[u8], datagram: bool) -> Option<Vec<u8>> {
        let (Ok(_own), Ok(_any)) = (self.own.try_acquire(), self.all.try_acquire()) else { return None };
        forward::ask(query, &self.client.config().servers, &self.from, datagram).await
    }
}

async fn datagrams(socket: UdpSocket, shared: Arc<Shared>) {
    let socket = Arc::new(socket);
    // Dropped with this task: nobody waits for an answer to a container that is gone.
    let mut asking = JoinSet::new();
    let mut buffer = vec![0; LONGEST];
    loop {
        tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok((length, peer)) => datagram(&socket, &shared, &buffer[..length], peer, &mut asking),
                Err(error) => {
                    tracing::debug!(%error, "a query could not be read");
                    tokio::time::sleep(RETRY).await;
                }
            },
            Some(_) = asking.join_next() => {}
        }
    }
}

/// Answers at once what is known here.
fn datagram(socket: &Arc<UdpSocket>, shared: &Arc<Shared>, query: &[u8], peer: SocketAddr, asking: &mut JoinSet<()>) {
    match answer::answer(query, &shared.client, true) {
        Outcome::Ignore => {}
        // A client whose buffer is full asks again.
        Outcome::Reply(answer) => drop(socket.try_send_to(&answer, peer)),
        Outcome::Forward if asking.len() >= ASKED_AT_ONCE => {
            if let Outcome::Reply(answer) = answer::failure(query, true) {
                drop(socket.try_send_to(&answer, peer));
            }
        }
        Outcome::Forward => {
            let (socket, shared, query) = (Arc::clone(socket), Arc::clone(shared), query.to_vec());
            asking.spawn(async move {
                if let Some(answer) = shared.answer(&query, true).await {
                    drop(socket.send_to(&answer, peer).await);
                }
            });
        }
    }
}

async fn connections(listener: TcpListener, shared: Arc<Shared>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => { open.spawn(connection(stream, Arc::clone(&shared))); }
                Err(error) => {
                    tracing::debug!(%error, "a connection for queries could not be accepted");
                    tokio::time::sleep(RETRY).await;
                }
            },
            Some(_) = open.join_next() => {}
        }
    }
}

/// One query after the other, until the client is done or idle.
async fn connection(mut stream: TcpStream, shared: Arc<Shared>) {
    while let Ok(Ok(query)) = timeout(IDLE, forward::read(&mut stream, LONGEST)).await {
        let Some(answer) = shared.answer(&query, false).await else { return };
        if !matches!(timeout(IDLE, forward::write(&mut stream, &answer)).await, Ok(Ok(()))) {
            return;
        }
    }
}
