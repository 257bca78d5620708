//! The conversation between a new process and its parent, over a sequenced-packet socket.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// What the new process says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The id maps can be written.
    IdMaps = 1,
    /// The hooks before the change of root can be run.
    Hooks = 2,
    /// A terminal's master comes along.
    Console = 3,
    /// A system call filter's listener comes along.
    Listener = 4,
    /// All is ready for the start.
    Ready = 5,
    /// A step failed.
    Failed = 6,
    /// The process is another one, by its id; sent by one in between.
    Forked = 7,
    /// A mount comes along, to be filled with what was in its place.
    Fill = 8,
}

impl Kind {
    fn from_u8(byte: u8) -> Option<Kind> {
        use Kind::{Console, Failed, Fill, Forked, Hooks, IdMaps, Listener, Ready};
        let all = [IdMaps, Hooks, Console, Listener, Ready, Failed, Forked, Fill];
        all.into_iter().find(|k| *k as u8 == byte)
    }
}

/// Longest explanation that goes with a failure.
const DETAIL: usize = 192;
/// Kind, index, value.
const HEADER: usize = 9;

/// One message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    /// The step that failed.
    pub(crate) step: u32,
    /// Its error number; the process id for `Forked`.
    pub(crate) value: i32,
    /// What the kernel said beyond that.
    pub(crate) detail: String,
    /// A descriptor that came along.
    pub(crate) fd: Option<OwnedFd>,
}

/// Makes both ends (close-on-exec): the parent's, the child's.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// Sends a message. Allocates nothing.
pub(crate) fn send(
    channel: BorrowedFd<'_>,
    kind: Kind,
    step: u32,
    value: i32,
    detail: &[u8],
    fd: Option<BorrowedFd<'_>>,
) -> Result<(), Errno> {
    let mut buffer = [0u8; HEADER + DETAIL];
    let length = encode(&mut buffer, kind, step, value, detail);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [fd.unwrap_or(channel)];
    if fd.is_some() {
        control.push(SendAncillaryMessage::ScmRights(&fds));
    }
    sendmsg(channel, &[IoSlice::new(&buffer[..length])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Writes a failure to a FIFO. Allocates nothing.
pub(crate) fn report(fifo: BorrowedFd<'_>, step: u32, errno: i32) {
    let mut buffer = [0u8; HEADER + DETAIL];
    let length = encode(&mut buffer, Kind::Failed, step, errno, b"");
    // There is nobody else to tell if this fails.
    let _ = rustix::io::write(fifo, &buffer[..length]);
}

fn encode(buffer: &mut [u8; HEADER + DETAIL], kind: Kind, step: u32, value: i32, detail: &[u8]) -> usize {
    let detail = &detail[..detail.len().min(DETAIL)];
    buffer[0] = kind as u8;
    buffer[1..5].copy_from_slice(&step.to_ne_bytes());
    buffer[5..9].copy_from_slice(&value.to_ne_bytes());
    buffer[HEADER..HEADER + detail.len()].copy_from_slice(detail);
    HEADER + detail.len()
}

/// Reads a message from its bytes; `None` for anything that is none.
pub(crate) fn decode(bytes: &[u8]) -> Option<Message> {
    let (header, detail) = bytes.split_at_checked(HEADER)?;
    Some(Message {
        kind: Kind::from_u8(header[0])?,
        step: u32::from_ne_bytes(header[1..5].try_into().ok()?),
        value: i32::from_ne_bytes(header[5..9].try_into().ok()?),
        detail: String::from_utf8_lossy(detail).into_owned(),
        fd: None,
    })
}

pub(crate) mod fuzzing {
    use super::{DETAIL, HEADER, Message, decode, encode};

    /// What was read is read again after it is written, as far as it fits.
    pub(crate) fn reads_back(message: &Message) {
        let mut buffer = [0; HEADER + DETAIL];
        let length = encode(&mut buffer, message.kind, message.step, message.value, message.detail.as_bytes());
        let again = decode(&buffer[..length]);
        let same = |again: Message| {
            (again.kind, again.step, again.value) == (message.kind, message.step, message.value)
                && (message.detail.len() > DETAIL || again.detail == message.detail)
        };
        assert!(again.is_some_and(same));
    }
}

/// Receives a message; `None` once the other side has closed its end.
pub(crate) fn receive(channel: BorrowedFd<'_>) -> Result<Option<Message>, Errno> {
    let mut buffer = [0u8; HEADER + DETAIL];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut slices = [IoSliceMut::new(&mut buffer)];
        match recvmsg(channel, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC) {
            // A child that ends with a message unread resets the connection: that is told once, before what it has said.
            Err(Errno::INTR | Errno::CONNRESET) => {}
            other => break other?,
        }
    };
    if received.bytes == 0 {
        return Ok(None);
    }
    let mut message = decode(&buffer[..received.bytes]).ok_or(Errno::BADMSG)?;
    for ancillary in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = ancillary {
            message.fd = fds.into_iter().next();
        }
    }
    Ok(Some(message))
}

/// Lets the other side go on.
pub(crate) fn acknowledge(channel: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::net::send(channel, &[1], SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits for the other side; false if it is gone. Allocates nothing.
pub(crate) fn wait(channel: impl AsFd) -> bool {
    let mut byte = [0u8; 1];
    loop {
        match rustix::io::read(&channel, &mut byte) {
            Err(Errno::INTR) => {}
            other => return other == Ok(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_with_their_descriptor() {
        let (parent, child) = pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        send(child.as_fd(), Kind::Failed, 7, 13, b"why", Some(file.as_fd())).unwrap();
        let message = receive(parent.as_fd()).unwrap().unwrap();
        assert_eq!((message.kind, message.step, message.value), (Kind::Failed, 7, 13));
        assert_eq!(message.detail, "why");
        assert!(message.fd.is_some());
        drop(child);
        assert!(receive(parent.as_fd()).unwrap().is_none());
    }

    #[test]
    fn last_words_are_heard_though_nobody_listened() {
        let (parent, child) = pair().unwrap();
        acknowledge(parent.as_fd()).unwrap();
        send(child.as_fd(), Kind::Failed, 1, 2, b"", None).unwrap();
        drop(child);
        assert_eq!(receive(parent.as_fd()).unwrap().unwrap().kind, Kind::Failed);
        assert!(receive(parent.as_fd()).unwrap().is_none());
    }

    #[test]
    fn long_details_are_cut() {
        let (parent, child) = pair().unwrap();
        send(child.as_fd(), Kind::Ready, 0, 0, &[b'x'; 1000], None).unwrap();
        assert_eq!(receive(parent.as_fd()).unwrap().unwrap().detail.len(), DETAIL);
    }

    #[test]
    fn other_bytes_are_no_message() {
        assert!(decode(b"").is_none());
        assert!(decode(&[0; HEADER]).is_none());
        assert!(decode(&[200; 20]).is_none());
    }

    #[test]
    fn waiting_ends_when_the_other_side_is_gone() {
        let (parent, child) = pair().unwrap();
        acknowledge(parent.as_fd()).unwrap();
        assert!(wait(&child));
        drop(parent);
        assert!(!wait(&child));
    }
}
