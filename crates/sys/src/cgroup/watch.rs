//! Notifications as descriptors to poll.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Becomes readable when the group runs out of memory.
#[derive(Debug)]
pub struct OomWatch {
    fd: OwnedFd,
}

impl AsFd for OomWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl OomWatch {
    /// Takes what was signalled, without blocking. True if there is a process that was killed since the last call.
    pub fn take(&mut self) -> bool {
        todo!()
    }
}

/// Becomes readable when the last process of the group is gone, or a first one came.
#[derive(Debug)]
pub struct PopulatedWatch {
    fd: OwnedFd,
}

impl AsFd for PopulatedWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl PopulatedWatch {
    /// Takes what was signalled, without blocking. Whether the group has processes now.
    pub fn take(&mut self) -> bool {
        todo!()
    }
}
