//! What a keeper gives its guardian to hold: the pipes that its processes write to.
//!
//! A pipe that nobody has open loses what is in it, and that is so when its process ends while there is neither a keeper nor
//! a daemon. The guardian has them open from before the program runs until the keeper has taken everything.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, socketpair};

use crate::wire::{Inbox, Outbox};

/// The keeper's end.
#[derive(Debug)]
pub(super) struct Ward {
    socket: OwnedFd,
    out: Outbox,
}

/// The guardian's end, and what it holds.
#[derive(Debug)]
pub(super) struct Charges {
    /// None once the keeper is dead and everything it said has come.
    socket: Option<OwnedFd>,
    inbox: Inbox,
    held: BTreeMap<i32, Vec<OwnedFd>>,
}

/// Makes both ends.
pub(super) fn pair() -> io::Result<(Ward, Charges)> {
    let (keeper, guardian) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let charges = Charges { socket: Some(guardian), inbox: Inbox::default(), held: BTreeMap::new() };
    Ok((Ward::over(keeper), charges))
}

impl Ward {
    /// Goes on with a connection that there is already.
    pub(super) fn over(socket: OwnedFd) -> Ward {
        Ward { socket, out: Outbox::default() }
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Has a process's pipes held.
    pub(super) fn hold(&mut self, pid: i32, pipes: Vec<OwnedFd>) {
        self.tell(pid, pipes);
    }

    /// Everything has been taken out of them.
    pub(super) fn let_go(&mut self, pid: i32) {
        self.tell(pid, Vec::new());
    }

    fn tell(&mut self, pid: i32, pipes: Vec<OwnedFd>) {
        let queued = self.out.push(&pid.to_ne_bytes(), pipes);
        // A guardian that is slow gets it the next time, one that is dead holds nothing: things go on without.
        let _ = queued.and_then(|()| self.out.flush(&self.socket, SendFlags::DONTWAIT));
    }
}

impl Charges {
    /// What becomes readable when the keeper has said something.
    pub(super) fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Takes what the keeper has said.
    pub(super) fn listen(&mut self) {
        while let Some(socket) = &self.socket {
            match self.inbox.fill(socket, RecvFlags::DONTWAIT) {
                Ok(true) => self.obey(),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Ok(false) | Err(_) => self.socket = None,
            }
        }
    }

    fn obey(&mut self) {
        loop {
            match self.inbox.next() {
                Ok(Some(frame)) => {
                    let Ok(pid) = <[u8; 4]>::try_from(&frame.payload[..]).map(i32::from_ne_bytes) else { continue };
                    if frame.fds.is_empty() {
                        self.let_go(pid);
                    } else {
                        self.held.insert(pid, frame.fds);
                    }
                }
                Ok(None) => return,
                Err(_) => return self.socket = None,
            }
        }
    }

    pub(super) fn let_go(&mut self, pid: i32) {
        self.held.remove(&pid);
    }

    /// Whether there are any of processes that `others` does not know.
    pub(super) fn beside(&self, others: impl Fn(i32) -> bool) -> bool {
        self.held.keys().any(|pid| !others(*pid))
    }

    /// Lets all go but those of processes that `others` knows.
    pub(super) fn keep_only(&mut self, others: impl Fn(i32) -> bool) {
        self.held.retain(|pid, _| others(*pid));
    }
}

#[cfg(test)]
mod tests {
    use rustix::pipe::pipe;

    use super::*;

    #[test]
    fn what_is_in_a_pipe_outlives_all_others() {
        let (mut ward, mut charges) = pair().unwrap();
        let (reader, writer) = pipe().unwrap();
        ward.hold(7, vec![reader]);
        ward.hold(8, vec![pipe().unwrap().0]);
        ward.let_go(8);
        rustix::io::write(&writer, b"last words").unwrap();
        drop((ward, writer));
        charges.listen();
        assert!(charges.socket().is_none(), "the keeper is dead");
        let mut said = [0; 16];
        assert_eq!(rustix::io::read(&charges.held[&7][0], &mut said), Ok(10));
        assert!(charges.beside(|pid| pid != 7) && !charges.beside(|pid| pid == 7));
        charges.keep_only(|_| false);
        assert!(charges.held.is_empty());
    }

    #[test]
    fn a_guardian_that_is_slow_misses_nothing() {
        let (mut ward, mut charges) = pair().unwrap();
        for pid in 0..2000 {
            ward.hold(pid, vec![pipe().unwrap().0]);
            ward.let_go(pid);
            if pid % 500 == 499 {
                charges.listen();
            }
        }
        ward.hold(1, vec![pipe().unwrap().0]);
        while !charges.held.contains_key(&1) || charges.held.len() > 1 {
            charges.listen();
            ward.let_go(5000);
        }
    }
}
