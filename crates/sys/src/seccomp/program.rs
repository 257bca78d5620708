//! Compiled filters.

use super::{Error, Flags};

/// One instruction of classic BPF: the kernel's `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip if a comparison holds.
    pub jt: u8,
    /// Instructions to skip if it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// A compiled filter, ready for the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub(super) instructions: Vec<Instruction>,
    pub(super) flags: Flags,
    pub(super) notifies: bool,
}

impl Program {
    /// The instructions.
    #[must_use]
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// How it is installed.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Whether [`install`](super::install()) yields a listener's descriptor.
    #[must_use]
    pub fn notifies(&self) -> bool {
        self.notifies
    }

    /// The program as bytes, for a cache on disk.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        todo!()
    }

    /// Reads what [`Program::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::InvalidProgram`].
    pub fn from_bytes(_bytes: &[u8]) -> Result<Program, Error> {
        todo!()
    }
}
