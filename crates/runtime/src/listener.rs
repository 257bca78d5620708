//! Handing a system call filter's listener to the agent that the configuration names.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    connect, sendmsg, socket_with,
};
use teu_oci::runtime::{ContainerProcessState, SeccompText, State};

use crate::{Error, seccomp};

/// Name of the descriptor in the message (config-linux.md, "The Container Process State").
const SECCOMP_FD: &str = "seccompFd";

/// Sends the listener, with the container's state, to `listenerPath`.
pub(crate) fn hand_over(filter: &SeccompText, listener: BorrowedFd<'_>, state: &State, pid: i32) -> Result<(), Error> {
    let filter = seccomp::read(filter)?;
    let path = &filter.listener_path;
    if path.is_empty() {
        return Err(Error::InvalidSpec("seccomp notifies but has no listenerPath".into()));
    }
    let message = ContainerProcessState {
        oci_version: state.oci_version.clone(),
        fds: vec![SECCOMP_FD.into()],
        pid,
        metadata: filter.listener_metadata.clone(),
        state: state.clone(),
    };
    let text = serde_json::to_vec(&message).unwrap_or_default();
    send(Path::new(path), &text, listener).map_err(Error::step(format!("hand the seccomp listener to {path}")))
}

/// Sends a message with a descriptor to a stream socket.
pub(crate) fn send(path: &Path, text: &[u8], fd: BorrowedFd<'_>) -> io::Result<()> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [fd];
    control.push(SendAncillaryMessage::ScmRights(&fds));
    let mut sent = sendmsg(&socket, &[IoSlice::new(text)], &mut control, SendFlags::NOSIGNAL)?;
    while sent < text.len() {
        sent += rustix::net::send(&socket, &text[sent..], SendFlags::NOSIGNAL)?;
    }
    Ok(())
}
