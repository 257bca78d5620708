//! Classic BPF as the kernel runs it on a system call: what tests and fuzz targets compare the compiler with.

use super::Instruction;
use super::program::{AND, JUMP_EQUAL, JUMP_GREATER, JUMP_GREATER_OR_EQUAL, LOAD, RETURN, SKIP};

/// What a filter sees: the kernel's `struct seccomp_data`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) arch: u32,
    pub(super) arguments: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        let argument = |index: u32| self.arguments[usize::try_from(index).unwrap()].to_le_bytes();
        let half = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        match offset {
            0 => self.number,
            4 => self.arch,
            _ if offset.is_multiple_of(8) => half(&argument((offset - 16) / 8)[..4]),
            _ => half(&argument((offset - 20) / 8)[4..]),
        }
    }
}

/// Result of a filter.
pub(super) fn run(program: &[Instruction], call: &Call) -> u32 {
    let mut accumulator = 0;
    let mut at = 0;
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        let branch = |holds: bool| usize::from(if holds { jt } else { jf });
        at += 1 + match code {
            LOAD => {
                accumulator = call.word(k);
                0
            }
            AND => {
                accumulator &= k;
                0
            }
            SKIP => usize::try_from(k).unwrap(),
            JUMP_EQUAL => branch(accumulator == k),
            JUMP_GREATER => branch(accumulator > k),
            JUMP_GREATER_OR_EQUAL => branch(accumulator >= k),
            RETURN => return k,
            _ => panic!("unexpected instruction {code:#x}"),
        };
    }
}
