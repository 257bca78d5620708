//! Those who get a process's output as it comes.
//!
//! Each has a socket. What a socket does not take at once is kept, and the process's output is not read on until it is
//! gone, so that a slow client slows the process rather than losing output or filling memory; a client that closes its
//! end is forgotten at once.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, sendmsg, socketpair};
use serde::{Deserialize, Serialize};

use super::poll::{Poll, Token};
use super::slab::Slab;
use crate::kept::keep;
use crate::log::Stream;
use crate::protocol::{AttachRequest, END_OF_OUTPUT, Framing, ProcessRef};

/// One of them.
#[derive(Debug)]
pub(super) struct Client {
    socket: OwnedFd,
    pub(super) wants: Wants,
    /// What its socket has not taken yet.
    backlog: Vec<u8>,
    /// The process has ended: close once the backlog is gone.
    ended: bool,
}

/// What a client asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Wants {
    pub(super) process: ProcessRef,
    streams: [bool; 2],
    framing: Framing,
}

/// All clients.
#[derive(Debug, Default)]
pub(super) struct Clients {
    all: Slab<Client>,
    /// Those whose process has not been started yet.
    waiting: HashMap<ProcessRef, Vec<u32>>,
}

/// What became of a client after its socket was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It still has not taken everything.
    Behind,
    /// It has taken everything.
    Current,
    /// It is gone.
    Gone,
}

impl Client {
    /// Sends as much as the socket takes; the rest is kept.
    fn deliver(&mut self, stream: Stream, bytes: &[u8]) -> rustix::io::Result<()> {
        let header = match self.wants.framing {
            Framing::Raw => [0; 8],
            Framing::Multiplexed => frame_header(stream, bytes.len()),
        };
        let header = if self.wants.framing == Framing::Raw { &[][..] } else { &header[..] };
        let sent = if self.backlog.is_empty() { send(&self.socket, header, bytes)? } else { 0 };
        self.backlog.extend_from_slice(&header[sent.min(header.len())..]);
        self.backlog.extend_from_slice(&bytes[sent.saturating_sub(header.len())..]);
        Ok(())
    }

    /// Says that this was all.
    fn conclude(&mut self) -> rustix::io::Result<()> {
        self.ended = true;
        if self.wants.framing == Framing::Multiplexed {
            let sent = if self.backlog.is_empty() { send(&self.socket, &[], &END_OF_OUTPUT)? } else { 0 };
            self.backlog.extend_from_slice(&END_OF_OUTPUT[sent..]);
        }
        Ok(())
    }

    fn catch_up(&mut self) -> rustix::io::Result<()> {
        let mut sent = 0;
        while sent < self.backlog.len() {
            match send(&self.socket, &[], &self.backlog[sent..])? {
                0 => break,
                more => sent += more,
            }
        }
        self.backlog.drain(..sent);
        if self.backlog.is_empty() {
            self.backlog = Vec::new();
        }
        Ok(())
    }

    fn interest(&self) -> EventFlags {
        if self.backlog.is_empty() { EventFlags::RDHUP } else { EventFlags::RDHUP | EventFlags::OUT }
    }
}

/// Docker's: stream number, three zero bytes, length.
fn frame_header(stream: Stream, len: usize) -> [u8; 8] {
    let [a, b, c, d] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    [if stream == Stream::Stdout { 1 } else { 2 }, 0, 0, 0, a, b, c, d]
}

/// Returns 0 if the socket is full.
fn send(socket: &OwnedFd, header: &[u8], bytes: &[u8]) -> rustix::io::Result<usize> {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    let parts = [IoSlice::new(header), IoSlice::new(bytes)];
    match sendmsg(socket, &parts, &mut SendAncillaryBuffer::default(), flags) {
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        other => other,
    }
}

impl Clients {
    /// As [`Slab::recycle`].
    pub(super) fn recycle(&mut self) {
        self.all.recycle();
    }

    /// Makes a socket for a new client. Returns its number and its end.
    pub(super) fn open(&mut self, poll: &Poll, request: AttachRequest) -> io::Result<(u32, OwnedFd)> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let streams = [request.stdout, request.stderr];
        let wants = Wants { process: request.process, streams, framing: request.framing };
        Ok((self.restore(poll, ours, wants, Vec::new(), false)?, theirs))
    }

    /// Takes a client over from the keeper before.
    pub(super) fn restore(
        &mut self,
        poll: &Poll,
        socket: OwnedFd,
        wants: Wants,
        backlog: Vec<u8>,
        ended: bool,
    ) -> io::Result<u32> {
        let key = self.all.insert(Client { socket: keep(socket), wants, backlog, ended });
        self.watch(poll, key)?;
        Ok(key)
    }

    fn watch(&self, poll: &Poll, key: u32) -> io::Result<()> {
        let Some(client) = self.all.get(key) else { return Ok(()) };
        poll.add(&client.socket, Token::Client(key), client.interest())
    }

    /// Keeps a client until its process is started.
    pub(super) fn wait_for_start(&mut self, key: u32) {
        if let Some(client) = self.all.get(key) {
            self.waiting.entry(client.wants.process.clone()).or_default().push(key);
        }
    }

    /// Those who waited for this process.
    pub(super) fn take_waiting(&mut self, process: &ProcessRef) -> Vec<u32> {
        self.waiting.remove(process).unwrap_or_default()
    }

    /// Gives output to those in `keys` who want it; takes those out who are gone.
    pub(super) fn deliver(&mut self, poll: &Poll, keys: &mut Vec<u32>, stream: Stream, bytes: &[u8]) {
        keys.retain(|&key| {
            let Some(client) = self.all.get_mut(key) else { return false };
            if !client.wants.streams[stream.index()] {
                return true;
            }
            let was_current = client.backlog.is_empty();
            let delivered = client.deliver(stream, bytes).is_ok();
            let watched = !was_current || client.backlog.is_empty() || self.watch(poll, key).is_ok();
            if !(delivered && watched) {
                self.forget(poll, key);
            }
            delivered && watched
        });
    }

    /// Whether one of these has not taken everything yet.
    pub(super) fn is_behind(&self, keys: &[u32]) -> bool {
        keys.iter().any(|&key| self.all.get(key).is_some_and(|client| !client.backlog.is_empty()))
    }

    /// A client's socket is ready. Returns whose it is and how it stands.
    pub(super) fn on_ready(&mut self, poll: &Poll, key: u32, flags: EventFlags) -> Option<(ProcessRef, Standing)> {
        let client = self.all.get_mut(key)?;
        let process = client.wants.process.clone();
        let closed = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        if closed || client.catch_up().is_err() || (client.ended && client.backlog.is_empty()) {
            self.forget(poll, key);
            return Some((process, Standing::Gone));
        }
        let behind = !client.backlog.is_empty();
        if !behind && self.watch(poll, key).is_err() {
            self.forget(poll, key);
            return Some((process, Standing::Gone));
        }
        Some((process, if behind { Standing::Behind } else { Standing::Current }))
    }

    /// Their process has ended: each gets what it has not got yet, then the end of the stream.
    pub(super) fn end(&mut self, poll: &Poll, keys: Vec<u32>) {
        for key in keys {
            let Some(client) = self.all.get_mut(key) else { continue };
            let behind = client.conclude().is_ok() && !client.backlog.is_empty();
            if !(behind && self.watch(poll, key).is_ok()) {
                self.forget(poll, key);
            }
        }
    }

    fn forget(&mut self, poll: &Poll, key: u32) {
        let Some(client) = self.all.remove(key) else { return };
        poll.remove(&client.socket);
        if let Some(waiting) = self.waiting.get_mut(&client.wants.process) {
            waiting.retain(|&k| k != key);
            if waiting.is_empty() {
                self.waiting.remove(&client.wants.process);
            }
        }
    }

    /// Everything about each client, to be given to another executable.
    pub(super) fn describe(&self) -> impl Iterator<Item = (&OwnedFd, &Wants, &[u8], bool)> {
        self.all.iter().map(|c| (&c.socket, &c.wants, &c.backlog[..], c.ended))
    }
}
