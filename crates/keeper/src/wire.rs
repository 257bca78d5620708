//! Frames on the socket between daemon and keeper.
//!
//! A frame is eight bytes of header (length of the payload, number of descriptors, both little endian), then the
//! payload. Descriptors are attached to the first bytes of their frame, so they have always arrived when the frame is
//! complete; the kernel passes at most 253 at once, so that a frame with more spends a byte for each further group.

pub(crate) mod fuzzing;

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::cmsg_space;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

const HEADER: usize = 8;
/// Descriptors in one message; the kernel's `SCM_MAX_FD` is 253.
const GROUP: usize = 250;
/// More than any container's specification, less than would hurt.
const MAX_PAYLOAD: usize = 64 << 20;
/// As many groups as a header has bytes.
const MAX_FDS: usize = GROUP * HEADER;
/// Read at once.
const CHUNK: usize = 64 << 10;

/// One message with its descriptors.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) payload: Vec<u8>,
    pub(crate) fds: Vec<OwnedFd>,
}

/// Frames on their way out.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<Outgoing>,
}

#[derive(Debug)]
struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    fds: Vec<OwnedFd>,
}

impl Outbox {
    /// Queues a frame.
    ///
    /// # Errors
    /// It is larger than the other side would take.
    pub(crate) fn push(&mut self, payload: &[u8], fds: Vec<OwnedFd>) -> io::Result<()> {
        let (Ok(len), Ok(count)) = (u32::try_from(payload.len()), u32::try_from(fds.len())) else {
            return Err(Errno::MSGSIZE.into());
        };
        if payload.len() > MAX_PAYLOAD || fds.len() > MAX_FDS {
            return Err(Errno::MSGSIZE.into());
        }
        let mut bytes = Vec::with_capacity(HEADER + payload.len());
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(payload);
        self.frames.push_back(Outgoing { bytes, sent: 0, fds });
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Sends what the socket takes; with `DONTWAIT` in `flags` stops when it is full.
    pub(crate) fn flush(&mut self, socket: impl AsFd, flags: SendFlags) -> io::Result<()> {
        while let Some(frame) = self.frames.front_mut() {
            match frame.send(socket.as_fd(), flags | SendFlags::NOSIGNAL) {
                Ok(()) if frame.sent == frame.bytes.len() => drop(self.frames.pop_front()),
                Ok(()) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}

impl Outgoing {
    /// One `sendmsg`: a group of descriptors with it while there are some.
    fn send(&mut self, socket: BorrowedFd<'_>, flags: SendFlags) -> rustix::io::Result<()> {
        let group = self.fds.len().min(GROUP);
        let rest = &self.bytes[self.sent..];
        let part = if self.fds.len() > GROUP { &rest[..1] } else { rest };
        let borrowed: Vec<BorrowedFd<'_>> = self.fds[..group].iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(GROUP))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !borrowed.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&borrowed));
        }
        self.sent += sendmsg(socket, &[IoSlice::new(part)], &mut ancillary, flags)?;
        self.fds.drain(..group);
        Ok(())
    }
}

/// Bytes and descriptors on their way in.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    fds: VecDeque<OwnedFd>,
}

impl Inbox {
    /// Goes on with what another has received.
    pub(crate) fn of(bytes: Vec<u8>, fds: Vec<OwnedFd>) -> Inbox {
        Inbox { bytes, fds: fds.into() }
    }

    /// What has been received and not been taken.
    pub(crate) fn duplicate(&self) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
        let fds = self.fds.iter().map(OwnedFd::try_clone).collect::<io::Result<_>>()?;
        Ok((self.bytes.clone(), fds))
    }

    /// One descriptor, whatever comes with it.
    pub(crate) fn descriptor(socket: impl AsFd) -> io::Result<Option<OwnedFd>> {
        let mut inbox = Inbox::default();
        inbox.fill(socket, RecvFlags::empty())?;
        Ok(inbox.fds.pop_front())
    }

    /// One `recvmsg`. Returns false at the end of the stream.
    pub(crate) fn fill(&mut self, socket: impl AsFd, flags: RecvFlags) -> io::Result<bool> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(GROUP))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let old = self.bytes.len();
        self.bytes.resize(old + CHUNK, 0);
        let received = loop {
            let mut iov = [IoSliceMut::new(&mut self.bytes[old..])];
            match recvmsg(socket.as_fd(), &mut iov, &mut ancillary, flags | RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                other => break other,
            }
        };
        self.bytes.truncate(old + received.as_ref().map_or(0, |r| r.bytes));
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.fds.extend(fds);
            }
        }
        let received = received?;
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(io::Error::other("descriptors were lost: the table is full"));
        }
        Ok(received.bytes != 0)
    }

    /// The next complete frame.
    ///
    /// # Errors
    /// The other side does not speak this protocol.
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame>> {
        let Some((header, rest)) = self.bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
        let [l0, l1, l2, l3, n0, n1, n2, n3] = *header;
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let count = u32::from_le_bytes([n0, n1, n2, n3]) as usize;
        if len > MAX_PAYLOAD || count > MAX_FDS {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("frame of {len} bytes, {count} descriptors"),
            ));
        }
        if rest.len() < len {
            return Ok(None);
        }
        if self.fds.len() < count {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "descriptors are missing"));
        }
        let payload = rest[..len].to_vec();
        self.bytes.drain(..HEADER + len);
        if self.bytes.is_empty() {
            // An idle connection costs nothing.
            self.bytes = Vec::new();
        }
        Ok(Some(Frame { payload, fds: self.fds.drain(..count).collect() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap()
    }

    fn exchange(frames: &[(usize, usize)]) -> Vec<Frame> {
        let (a, b) = pair();
        let mut out = Outbox::default();
        for &(len, fds) in frames {
            let fds = (0..fds).map(|_| a.try_clone().unwrap()).collect();
            out.push(&vec![7; len], fds).unwrap();
        }
        let mut inbox = Inbox::default();
        let mut got = Vec::new();
        while got.len() < frames.len() {
            out.flush(&a, SendFlags::DONTWAIT).unwrap();
            assert!(inbox.fill(&b, RecvFlags::empty()).unwrap());
            while let Some(frame) = inbox.next().unwrap() {
                got.push(frame);
            }
        }
        assert!(out.is_empty() && inbox.fds.is_empty() && inbox.bytes.is_empty());
        got
    }

    #[test]
    fn frames_arrive_whole_with_their_descriptors() {
        let sent = [(0, 0), (10, 1), (1_000_000, 3), (5, 0), (5, 250), (0, 251), (70_000, 600), (1, 2)];
        for (frame, (len, fds)) in exchange(&sent).iter().zip(sent) {
            assert_eq!((frame.payload.len(), frame.fds.len()), (len, fds));
        }
    }

    #[test]
    fn nonsense_is_an_error_and_the_end_is_told() {
        let (a, b) = pair();
        rustix::io::write(&a, &[0xff; 32]).unwrap();
        let mut inbox = Inbox::default();
        assert!(inbox.fill(&b, RecvFlags::empty()).unwrap());
        assert!(inbox.next().is_err());
        drop(a);
        assert!(!inbox.fill(&b, RecvFlags::empty()).unwrap());
    }

    #[test]
    fn missing_descriptors_are_an_error() {
        let (a, b) = pair();
        rustix::io::write(&a, &[0, 0, 0, 0, 1, 0, 0, 0]).unwrap();
        let mut inbox = Inbox::default();
        inbox.fill(&b, RecvFlags::empty()).unwrap();
        assert!(inbox.next().is_err());
    }
}
