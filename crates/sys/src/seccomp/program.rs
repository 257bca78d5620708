//! Compiled filters.

use super::compile::Jump;
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

/// `BPF_LD | BPF_W | BPF_ABS`
pub(super) const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`
pub(super) const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`
pub(super) const SKIP: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ | BPF_K`
pub(super) const JUMP_EQUAL: u16 = 0x15;
/// `BPF_JMP | BPF_JGT | BPF_K`
pub(super) const JUMP_GREATER: u16 = 0x25;
/// `BPF_JMP | BPF_JGE | BPF_K`
pub(super) const JUMP_GREATER_OR_EQUAL: u16 = 0x35;
/// `BPF_RET | BPF_K`
pub(super) const RETURN: u16 = 0x06;

impl Instruction {
    pub(super) fn load(offset: u32) -> Instruction {
        Instruction { code: LOAD, jt: 0, jf: 0, k: offset }
    }

    pub(super) fn and(mask: u32) -> Instruction {
        Instruction { code: AND, jt: 0, jf: 0, k: mask }
    }

    pub(super) fn skip(count: u32) -> Instruction {
        Instruction { code: SKIP, jt: 0, jf: 0, k: count }
    }

    pub(super) fn jump(jump: Jump, value: u32, jt: u8, jf: u8) -> Instruction {
        let code = match jump {
            Jump::Equal => JUMP_EQUAL,
            Jump::Greater => JUMP_GREATER,
            Jump::GreaterOrEqual => JUMP_GREATER_OR_EQUAL,
        };
        Instruction { code, jt, jf, k: value }
    }

    pub(super) fn ret(result: u32) -> Instruction {
        Instruction { code: RETURN, jt: 0, jf: 0, k: result }
    }

    pub(super) fn is_return(self) -> bool {
        self.code == RETURN
    }
}

/// A compiled filter, ready for the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub(super) instructions: Vec<Instruction>,
    pub(super) flags: Flags,
    pub(super) notifies: bool,
}

/// First bytes of a serialised program; the digit is the version of the compiler and of the format.
const MAGIC: &[u8; 8] = b"teubpf1\n";

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

    /// The program as bytes, for a cache on disk: magic, flags, whether it notifies, number of
    /// instructions, instructions; all little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.flags.bits().to_le_bytes());
        bytes.extend(u32::from(self.notifies).to_le_bytes());
        bytes.extend((self.instructions.len() as u64).to_le_bytes());
        for Instruction { code, jt, jf, k } in &self.instructions {
            bytes.extend(code.to_le_bytes());
            bytes.extend([*jt, *jf]);
            bytes.extend(k.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Program::to_bytes`] wrote. The kernel checks the instructions themselves.
    ///
    /// # Errors
    /// [`Error::InvalidProgram`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Program, Error> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Error::InvalidProgram("it is of another version"))?;
        let cut_off = Error::InvalidProgram("it is cut off");
        let Some((flags, rest)) = rest.split_first_chunk() else { return Err(cut_off) };
        let Some((notifies, rest)) = rest.split_first_chunk() else { return Err(cut_off) };
        let Some((count, rest)) = rest.split_first_chunk() else { return Err(cut_off) };
        let (words, []) = rest.as_chunks::<8>() else { return Err(cut_off) };
        if words.is_empty() || words.len() as u64 != u64::from_le_bytes(*count) {
            return Err(cut_off);
        }
        let instruction = |[c0, c1, jt, jf, k0, k1, k2, k3]: [u8; 8]| Instruction {
            code: u16::from_le_bytes([c0, c1]),
            jt,
            jf,
            k: u32::from_le_bytes([k0, k1, k2, k3]),
        };
        Ok(Program {
            instructions: words.iter().copied().map(instruction).collect(),
            flags: Flags::from_bits_retain(u32::from_le_bytes(*flags)),
            notifies: u32::from_le_bytes(*notifies) != 0,
        })
    }
}
