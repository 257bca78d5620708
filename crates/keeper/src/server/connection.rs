//! Daemons' connections.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::EventFlags;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with};
use serde::Serialize;

use super::poll::Token;
use super::{Answer, Server};
use crate::message::{FromKeeper, Numbered};
use crate::protocol::{Event, Failure, FailureKind, Request};
use crate::wire::{Frame, Inbox, Outbox};

/// One daemon.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: OwnedFd,
    pub(super) inbox: Inbox,
    outbox: Outbox,
    /// Whether epoll tells when more can be sent.
    blocked: bool,
    /// Tells it from another in the same place.
    serial: u64,
}

/// Who asked, for answers that come later.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    connection: u32,
    serial: u64,
    request: u64,
}

impl Asked {
    /// The keeper itself.
    pub(super) fn nobody() -> Asked {
        Asked { connection: u32::MAX, serial: 0, request: 0 }
    }

    /// The connection's number, which no other has.
    pub(super) fn serial(self) -> u64 {
        self.serial
    }
}

impl Connection {
    pub(super) fn new(socket: OwnedFd, inbox: Inbox) -> Connection {
        Connection { socket, inbox, outbox: Outbox::default(), blocked: false, serial: 0 }
    }

    /// Whether everything it was told has left.
    pub(super) fn is_flushed(&self) -> bool {
        self.outbox.is_empty()
    }

    fn push(&mut self, message: &impl Serialize, fds: Vec<OwnedFd>) -> io::Result<()> {
        self.outbox.push(&serde_json::to_vec(message)?, fds)?;
        self.outbox.flush(&self.socket, SendFlags::DONTWAIT)
    }

    /// Reads what has come. False at the end.
    fn fill(&mut self) -> io::Result<bool> {
        match self.inbox.fill(&self.socket, RecvFlags::DONTWAIT) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(true),
            other => other,
        }
    }
}

/// Whether the other end of a socket is closed; there may be something left to read.
fn has_hung_up(socket: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(socket, PollFlags::empty())];
    poll(&mut fds, Some(&Timespec::default())).is_ok() && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

impl Server {
    /// Somebody connects.
    pub(super) fn accept(&mut self) {
        // A client that went away before it was accepted is no concern.
        let Ok(socket) = accept_with(&self.listener, SocketFlags::CLOEXEC) else { return };
        let allowed =
            socket_peercred(&socket).is_ok_and(|peer| peer.uid.is_root() || peer.uid == rustix::process::geteuid());
        if allowed {
            self.add_connection(Connection::new(socket, Inbox::default()));
        }
    }

    /// Serves a connection from now on. None if that is not possible.
    pub(super) fn add_connection(&mut self, mut connection: Connection) -> Option<u32> {
        self.accepted += 1;
        connection.serial = self.accepted;
        let key = self.connections.insert(connection);
        let connection = self.connections.get(key)?;
        if self.poll.add(&connection.socket, Token::Connection(key), EventFlags::IN).is_err() {
            self.hang_up(key);
            return None;
        }
        Some(key)
    }

    /// A daemon's socket is ready.
    pub(super) fn on_connection(&mut self, key: u32, flags: EventFlags) {
        if flags.contains(EventFlags::OUT) {
            self.flush_connection(key);
        }
        if !flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            return;
        }
        let alive = self.connections.get_mut(key).is_some_and(|c| c.fill().unwrap_or(false));
        self.serve_inbox(key, alive);
    }

    /// Serves all requests that have come as a whole.
    pub(super) fn serve_inbox(&mut self, key: u32, alive: bool) {
        loop {
            match self.connections.get_mut(key).map(|c| c.inbox.next()) {
                Some(Ok(Some(frame))) => self.on_frame(key, frame),
                Some(Ok(None)) if alive => return,
                // It does not speak the protocol, or it has gone.
                Some(_) => return self.hang_up(key),
                None => return,
            }
        }
    }

    /// Serves what daemons have asked for that are gone.
    pub(super) fn serve_gone(&mut self) {
        for key in self.connections.keys() {
            let gone = self.connections.get(key).is_some_and(|c| has_hung_up(&c.socket));
            while gone && self.connections.get_mut(key).is_some_and(|c| c.fill().unwrap_or(false)) {}
            if gone {
                self.serve_inbox(key, false);
            }
        }
    }

    fn on_frame(&mut self, key: u32, frame: Frame) {
        match serde_json::from_slice::<Numbered<Request>>(&frame.payload) {
            Ok(Numbered { id, request: Request::Upgrade { exe } }) => {
                let failed = self.upgrade(&exe, key, id);
                self.answer(key, id, failed);
            }
            Ok(Numbered { id, request }) => {
                let serial = self.connections.get(key).map_or(0, |c| c.serial);
                let asked = Asked { connection: key, serial, request: id };
                if let Some(answer) = self.serve(request, frame.fds, asked) {
                    self.answer(key, id, answer);
                }
            }
            Err(error) => match serde_json::from_slice::<Numbered<serde::de::IgnoredAny>>(&frame.payload) {
                Ok(Numbered { id, .. }) => {
                    let message = format!("request not understood: {error}");
                    self.answer(key, id, Err(Failure::new(FailureKind::Invalid, message)));
                }
                Err(_) => self.hang_up(key),
            },
        }
    }

    /// Answers a request that was served in the background, if who asked is still there.
    pub(super) fn answer_asked(&mut self, asked: Asked, answer: Answer) {
        if self.connections.get(asked.connection).is_some_and(|c| c.serial == asked.serial) {
            self.answer(asked.connection, asked.request, answer);
        }
    }

    pub(super) fn answer(&mut self, key: u32, id: u64, answer: Answer) {
        let (result, fds) = match answer {
            Ok((reply, fds)) => (Ok(reply), fds),
            Err(failure) => (Err(failure), Vec::new()),
        };
        self.push(key, &FromKeeper::Reply { id, result }, fds);
    }

    /// Tells one daemon.
    pub(super) fn tell(&mut self, key: u32, event: &Event) {
        self.push(key, &FromKeeper::Event(event.clone()), Vec::new());
    }

    fn push(&mut self, key: u32, message: &FromKeeper, fds: Vec<OwnedFd>) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        match connection.push(message, fds) {
            Ok(()) => self.watch_connection(key),
            Err(_) => self.hang_up(key),
        }
    }

    fn flush_connection(&mut self, key: u32) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        match connection.outbox.flush(&connection.socket, SendFlags::DONTWAIT) {
            Ok(()) => self.watch_connection(key),
            Err(_) => self.hang_up(key),
        }
    }

    fn watch_connection(&mut self, key: u32) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let blocked = !connection.outbox.is_empty();
        if std::mem::replace(&mut connection.blocked, blocked) == blocked {
            return;
        }
        let flags = if blocked { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        if self.poll.add(connection.socket.as_fd(), Token::Connection(key), flags).is_err() {
            self.hang_up(key);
        }
    }

    fn hang_up(&mut self, key: u32) {
        if let Some(connection) = self.connections.remove(key) {
            self.poll.remove(&connection.socket);
            self.cgroups.unreserve_all(Some(connection.serial));
        }
    }
}
