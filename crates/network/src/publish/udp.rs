//! Datagrams that the kernel cannot translate.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::{Id, JoinSet};

use super::proxy::Front;

/// A client that was silent for so long is forgotten, as by Docker's proxy.
const IDLE: Duration = Duration::from_secs(90);
/// The longest datagram.
const LONGEST: usize = 65_507;
/// Clients at a time for one port: a flood of forged sources must not use up the daemon's descriptors.
const CLIENTS: usize = 1024;

/// Serves a socket: each client has a socket of its own towards the container.
pub(super) async fn serve(front: Front<UdpSocket>, target: SocketAddr) {
    let front = Arc::new(front);
    let mut clients: HashMap<SocketAddr, (Arc<UdpSocket>, Id)> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut buffer = vec![0; LONGEST];
    loop {
        tokio::select! {
            received = front.socket.recv_from(&mut buffer) => {
                // An error here is an earlier datagram's (ICMP): the socket goes on.
                let Ok((length, client)) = received else { continue };
                if !clients.contains_key(&client) {
                    if clients.len() >= CLIENTS { continue; }
                    let Ok(back) = connect(target).await.map(Arc::new) else { continue };
                    let task = tasks.spawn(answer(Arc::clone(&front), Arc::clone(&back), client));
                    clients.insert(client, (back, task.id()));
                }
                if let Some((back, _)) = clients.get(&client) {
                    let _ = back.send(&buffer[..length]).await;
                }
            }
            Some(ended) = tasks.join_next_with_id() => {
                let ended = ended.map_or_else(|e| e.id(), |(id, ())| id);
                clients.retain(|_, (_, id)| *id != ended);
            }
        }
    }
}

async fn connect(target: SocketAddr) -> io::Result<UdpSocket> {
    let local: SocketAddr =
        if target.is_ipv6() { (Ipv6Addr::UNSPECIFIED, 0).into() } else { (Ipv4Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(target).await?;
    Ok(socket)
}

/// Carries answers back until the container is silent for a while.
async fn answer(front: Arc<Front<UdpSocket>>, back: Arc<UdpSocket>, client: SocketAddr) {
    let mut buffer = vec![0; LONGEST];
    while let Ok(received) = tokio::time::timeout(IDLE, back.recv(&mut buffer)).await {
        let Ok(length) = received else { continue };
        let _ = front.socket.send_to(&buffer[..length], client).await;
    }
}
