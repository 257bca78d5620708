//! Whether somebody still waits for an answer.
//!
//! A client may say that it sends no more and read the answer all the same (`nc -N`, `system dial-stdio` with its input at an
//! end), so the end of what it sends is not the end of a request. A client that is gone however must not be waited for:
//! `wait`, `events` and `logs --follow` could last for ever.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// Most answers are there before anybody looks whether they are still wanted.
const PATIENCE: Duration = Duration::from_millis(100);
/// Over TCP nobody can know whether a client that sends no more still reads. An answer that is being made gets this long,
/// a stream that nobody may read lasts no longer.
const GRACE: Duration = Duration::from_secs(5);

/// The other side of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    socket: OwnedFd,
    /// The kernel tells one that sends no more from one that is gone.
    local: bool,
}

impl Peer {
    /// Of a unix socket.
    pub(super) fn local(socket: &impl AsFd) -> io::Result<Self> {
        Ok(Self { socket: socket.as_fd().try_clone_to_owned()?, local: true })
    }

    /// Of a TCP socket.
    pub(super) fn remote(socket: &impl AsFd) -> io::Result<Self> {
        Ok(Self { socket: socket.as_fd().try_clone_to_owned()?, local: false })
    }

    /// Resolves when nobody waits for the answer in the making any more.
    pub(super) async fn gone(&self) {
        tokio::time::sleep(PATIENCE).await;
        let end = if self.local { self.hung_up().await } else { self.sends_no_more().await };
        if end.is_err() {
            // Without a watch the request lasts until it is answered.
            return std::future::pending().await;
        }
        if !self.local {
            tokio::time::sleep(GRACE).await;
        }
    }

    /// Resolves when neither side can be written to.
    async fn hung_up(&self) -> io::Result<()> {
        let socket = UnixStream::from_std(self.socket.try_clone()?.into())?;
        while !socket.ready(Interest::WRITABLE).await?.is_write_closed() {
            // Waits for the next change.
            drop(socket.try_io(Interest::WRITABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into())));
        }
        Ok(())
    }

    /// Resolves when all was sent, read or not.
    async fn sends_no_more(&self) -> io::Result<()> {
        let socket = TcpStream::from_std(self.socket.try_clone()?.into())?;
        while !socket.ready(Interest::READABLE).await?.is_read_closed() {
            drop(socket.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into())));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Shutdown, TcpListener};
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn who_sends_no_more_may_still_read() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let peer = Peer::local(&ours).unwrap();
        let mut gone = Box::pin(peer.hung_up());
        theirs.shutdown(Shutdown::Write).unwrap();
        assert!(timeout(SOON, &mut gone).await.is_err());
        drop(theirs);
        gone.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_not_read_yet_is_no_end() {
        use std::io::Write as _;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut theirs = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        let peer = Peer::remote(&ours).unwrap();
        let mut gone = Box::pin(peer.sends_no_more());
        theirs.write_all(b"GET /").unwrap();
        assert!(timeout(SOON, &mut gone).await.is_err());
        drop(theirs);
        gone.await.unwrap();
    }
}
