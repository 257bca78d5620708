//! Waiting for descriptors.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use crate::log::Stream;

/// What a descriptor that became ready belongs to, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// The listening socket.
    Listener,
    /// A daemon.
    Connection(u32),
    /// A process's pidfd.
    Exit(u32),
    /// A process's output.
    Output(u32, Stream),
    /// A process's terminal.
    Console(u32),
    /// Somebody who gets output.
    Client(u32),
    /// Another runtime's command.
    Command(u32),
    /// The process that compresses.
    Compression,
}

impl Token {
    fn encode(self) -> u64 {
        let (kind, key) = match self {
            Token::Listener => (0, 0),
            Token::Connection(key) => (1, key),
            Token::Exit(key) => (2, key),
            Token::Output(key, Stream::Stdout) => (3, key),
            Token::Output(key, Stream::Stderr) => (4, key),
            Token::Console(key) => (5, key),
            Token::Client(key) => (6, key),
            Token::Command(key) => (7, key),
            Token::Compression => (8, 0),
        };
        kind << 32 | u64::from(key)
    }

    fn decode(data: u64) -> Option<Token> {
        let key = u32::try_from(data & u64::from(u32::MAX)).ok()?;
        Some(match data >> 32 {
            0 => Token::Listener,
            1 => Token::Connection(key),
            2 => Token::Exit(key),
            3 => Token::Output(key, Stream::Stdout),
            4 => Token::Output(key, Stream::Stderr),
            5 => Token::Console(key),
            6 => Token::Client(key),
            7 => Token::Command(key),
            8 => Token::Compression,
            _ => return None,
        })
    }
}

/// An epoll instance.
pub(super) struct Poll {
    fd: OwnedFd,
    events: Vec<Event>,
}

/// Events fetched at once.
const BATCH: usize = 64;

impl Poll {
    pub(super) fn new() -> io::Result<Poll> {
        Ok(Poll { fd: epoll::create(CreateFlags::CLOEXEC)?, events: Vec::with_capacity(BATCH) })
    }

    /// Starts watching.
    pub(super) fn add(&self, fd: impl AsFd, token: Token, flags: EventFlags) -> io::Result<()> {
        match epoll::add(&self.fd, fd.as_fd(), EventData::new_u64(token.encode()), flags) {
            Err(Errno::EXIST) => Ok(epoll::modify(&self.fd, fd, EventData::new_u64(token.encode()), flags)?),
            other => Ok(other?),
        }
    }

    /// Stops watching. A descriptor that is not watched is no error.
    pub(super) fn remove(&self, fd: impl AsFd) {
        // ENOENT is all that can be said.
        let _ = epoll::delete(&self.fd, fd);
    }

    /// Waits, and returns what is ready; nothing after `timeout`.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Vec<(Token, EventFlags)>> {
        let timeout = timeout.and_then(|t| Timespec::try_from(t).ok());
        self.events.clear();
        match epoll::wait(&self.fd, rustix::buffer::spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Vec::new()),
            Err(errno) => return Err(errno.into()),
        }
        let ready = |e: &Event| Some((Token::decode({ e.data }.u64())?, { e.flags }));
        Ok(self.events.iter().filter_map(ready).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_kernel() {
        for token in [
            Token::Listener,
            Token::Connection(7),
            Token::Exit(u32::MAX),
            Token::Output(1, Stream::Stdout),
            Token::Output(1, Stream::Stderr),
            Token::Console(0),
            Token::Client(9),
            Token::Command(3),
            Token::Compression,
        ] {
            assert_eq!(Token::decode(token.encode()), Some(token));
        }
    }
}
