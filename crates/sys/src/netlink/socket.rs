//! The socket: one system call to send a batch, one or two to collect the answers.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, sockopt};

use super::message::{Batch, DUMP};
use super::parse::{Attribute, Malformed, Message, attributes, messages, u32_at};

/// `NLMSG_ERROR`: an error, or an acknowledgement if its number is 0.
const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a dump.
const DONE: u16 = 3;
/// `NLM_F_DUMP_INTR`: what is dumped changed meanwhile.
const DUMP_INTERRUPTED: u16 = 0x10;
/// `NLMSGERR_ATTR_MSG`.
const ERROR_TEXT: u16 = 1;
/// Large enough for any message that is read here; the kernel cuts dumps to the reader's buffer.
const BUFFER: usize = 16 * 1024;
/// How often an interrupted dump is tried before its last result is taken as it is.
const DUMP_TRIES: usize = 8;

/// Netlink families used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `NETLINK_ROUTE`.
    Route,
    /// `NETLINK_NETFILTER`.
    Netfilter,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error("netlink {call}: {source}")]
    Io {
        /// Name of the call.
        call: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// The kernel refused a message.
    #[error("{source}{}", hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default())]
    Refused {
        /// Place of the message in the batch, from 0.
        index: usize,
        /// The kernel's error.
        source: io::Error,
        /// The kernel's explanation, if any.
        hint: Option<String>,
    },
    /// A reply could not be understood.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The kernel did not answer.
    #[error("netlink: no reply")]
    NoReply,
    /// A message or attribute is longer than the format allows.
    #[error("netlink: message too long")]
    TooLong,
}

impl Error {
    /// The kernel's error number, if it is one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Error::Io { source, .. } | Error::Refused { source, .. } => Errno::from_io_error(source),
            _ => None,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error {
            Error::Io { source, .. } | Error::Refused { source, .. } => source,
            other => io::Error::other(other),
        }
    }
}

/// A netlink socket. It belongs to the network namespace its thread was in when it was opened, and stays in it.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    next: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a socket in the calling thread's network namespace.
    pub fn open(family: Family) -> Result<Socket, Error> {
        let protocol = match family {
            Family::Route => None,
            Family::Netfilter => Some(netlink::NETFILTER),
        };
        let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
            .map_err(io("socket"))?;
        // Both options only make errors better (Linux 4.12, 4.3): not having them is no reason to fail.
        let _ = super::option::set_netlink_option(fd.as_fd(), libc::NETLINK_EXT_ACK);
        let _ = super::option::set_netlink_option(fd.as_fd(), libc::NETLINK_CAP_ACK);
        Ok(Socket { fd, next: 1, buffer: Vec::new() })
    }

    /// Sends all messages of `batch` with one system call and waits until the kernel has worked them off.
    /// Messages after a refused one are tried too (nf_tables batches: none takes effect); the first error is returned.
    pub fn execute(&mut self, mut batch: Batch) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        batch.acknowledge_last();
        let last = batch.len() - 1;
        self.send_and_wait(batch, last)
    }

    /// As [`execute`](Socket::execute), with message number `awaited` the last one that the kernel acknowledges.
    pub(crate) fn send_and_wait(&mut self, batch: Batch, awaited: usize) -> Result<(), Error> {
        let first = self.send(batch)?;
        let mut outcome = None;
        let mut refused = None;
        self.receive(|message| {
            if message.kind == ERROR {
                let index = message.sequence.wrapping_sub(first) as usize;
                match parse_error(&message, index) {
                    Ok(()) if index == awaited => outcome = Some(()),
                    Ok(()) => {}
                    Err(error) => {
                        refused.get_or_insert(error);
                    }
                }
            }
            outcome.is_none()
        })?;
        match refused {
            Some(error) => Err(error),
            None => outcome.ok_or(Error::NoReply),
        }
    }

    /// Sends one request and hands every message of the answer to `each`. Dumps that the kernel reports as
    /// interrupted by changes are repeated, after a call of `restart`.
    pub fn query(
        &mut self,
        request: &Batch,
        mut restart: impl FnMut(),
        mut each: impl FnMut(&Message<'_>),
    ) -> Result<(), Error> {
        for _ in 0..DUMP_TRIES {
            restart();
            if self.query_once(request, &mut each)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One try of [`query`](Socket::query); false if the dump was interrupted.
    fn query_once(&mut self, request: &Batch, each: &mut impl FnMut(&Message<'_>)) -> Result<bool, Error> {
        let mut batch = request.clone();
        let dump = messages(batch.as_bytes()).next().is_some_and(|m| m.is_ok_and(|m| m.flags & DUMP == DUMP));
        if !dump {
            batch.acknowledge_last();
        }
        self.send(batch)?;
        let (mut consistent, mut outcome) = (true, None);
        self.receive(|message| {
            consistent &= message.flags & DUMP_INTERRUPTED == 0;
            match message.kind {
                DONE => outcome = Some(parse_done(&message)),
                ERROR => outcome = Some(parse_error(&message, 0)),
                _ => each(&message),
            }
            outcome.is_none()
        })?;
        outcome.ok_or(Error::NoReply)?.map(|()| consistent)
    }

    /// Sends; the number of the first message is returned.
    fn send(&mut self, mut batch: Batch) -> Result<u32, Error> {
        if batch.is_too_long() {
            return Err(Error::TooLong);
        }
        // An unread rest of an earlier exchange must not be taken for a reply to this one.
        self.drain()?;
        let first = self.next;
        batch.number_from(first);
        self.next = first.wrapping_add(u32::try_from(batch.len()).unwrap_or(u32::MAX));
        // The kernel accounts the message to the send buffer, with overhead.
        if batch.byte_len() > 64 * 1024 {
            let _ = sockopt::set_socket_send_buffer_size_force(&self.fd, batch.byte_len() * 2);
        }
        let sent = rustix::io::retry_on_intr(|| {
            rustix::net::sendto(&self.fd, batch.as_bytes(), SendFlags::empty(), &netlink::SocketAddrNetlink::new(0, 0))
        })
        .map_err(io("send"))?;
        if sent == batch.byte_len() { Ok(first) } else { Err(Error::TooLong) }
    }

    /// Hands waiting messages to `each` until it returns false or nothing waits any more.
    fn receive(&mut self, mut each: impl FnMut(Message<'_>) -> bool) -> Result<(), Error> {
        self.buffer.resize(BUFFER, 0);
        loop {
            let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
            let length = match rustix::io::retry_on_intr(|| rustix::net::recv(&self.fd, &mut self.buffer[..], flags)) {
                Ok((_, length)) => length,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(io("receive")(error)),
            };
            for message in messages(self.buffer.get(..length).ok_or(Malformed)?) {
                if !each(message?) {
                    return Ok(());
                }
            }
        }
    }

    /// Throws away what waits. An overrun (ENOBUFS) concerns what is thrown away.
    fn drain(&mut self) -> Result<(), Error> {
        match self.receive(|_| true) {
            Err(error) if error.errno() == Some(Errno::NOBUFS) => self.receive(|_| true),
            other => other,
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn io(call: &'static str) -> impl Fn(Errno) -> Error {
    move |error| Error::Io { call, source: error.into() }
}

/// `NLMSG_DONE` carries an error number if the dump broke off.
pub(super) fn parse_done(message: &Message<'_>) -> Result<(), Error> {
    match u32_at(message.payload, 0).map_or(0, u32::cast_signed) {
        0 => Ok(()),
        number => Err(refused(0, number, None)),
    }
}

/// `struct nlmsgerr`: the number, the header of the message it is about, then attributes.
pub(super) fn parse_error(message: &Message<'_>, index: usize) -> Result<(), Error> {
    const CAPPED: u16 = 0x100;
    let number = u32_at(message.payload, 0).ok_or(Malformed)?.cast_signed();
    if number == 0 {
        return Ok(());
    }
    let echoed = if message.flags & CAPPED != 0 { 16 } else { u32_at(message.payload, 4).ok_or(Malformed)? as usize };
    let hint = attributes(message.payload, echoed.saturating_add(4).min(message.payload.len()))
        .get(ERROR_TEXT)
        .map(|a: Attribute<'_>| a.string());
    Err(refused(index, number, hint))
}

fn refused(index: usize, number: i32, hint: Option<String>) -> Error {
    Error::Refused { index, source: io::Error::from_raw_os_error(number.saturating_neg()), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_carry_the_kernels_words() {
        let mut payload = (-17i32).to_ne_bytes().to_vec();
        payload.extend_from_slice(&[16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        payload.extend_from_slice(&[9, 0, 1, 0, b'd', b'e', b'v', b'!', 0, 0, 0, 0]);
        let message = Message { kind: ERROR, flags: 0x300, sequence: 1, payload: &payload };
        let error = parse_error(&message, 3).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EXIST));
        assert_eq!(error.to_string(), "File exists (os error 17) (dev!)");
        assert!(matches!(error, Error::Refused { index: 3, .. }));
        let none = Message { payload: &[0; 4], ..message };
        assert!(parse_error(&none, 0).is_ok());
        assert!(matches!(parse_error(&Message { payload: &[1], ..message }, 0), Err(Error::Malformed(_))));
    }
}
