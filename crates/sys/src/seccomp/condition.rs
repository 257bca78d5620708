//! Conditions on arguments, in words of 32 bits as BPF compares them.

use super::compile::{Builder, Jump, Label};
use super::program::Instruction;
use super::{Compare, Condition, Error};

/// Offset of the first argument in the kernel's `struct seccomp_data`; each has 64 bits, the low word first on the
/// architectures that are known here.
const OFFSET_ARGUMENTS: u32 = 16;

/// A condition brought to one of three comparisons, perhaps negated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Simple {
    argument: u8,
    test: Test,
    value: u64,
    negated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Test {
    Masked(u64),
    Greater,
    GreaterOrEqual,
}

impl Simple {
    pub(super) fn new(condition: Condition) -> Result<Simple, Error> {
        let Condition { argument, compare, value } = condition;
        if argument > 5 {
            return Err(Error::InvalidArgument(argument));
        }
        let (test, negated) = match compare {
            Compare::Equal => (Test::Masked(u64::MAX), false),
            Compare::NotEqual => (Test::Masked(u64::MAX), true),
            Compare::MaskedEqual { mask } => (Test::Masked(mask), false),
            Compare::Greater => (Test::Greater, false),
            Compare::LessOrEqual => (Test::Greater, true),
            Compare::GreaterOrEqual => (Test::GreaterOrEqual, false),
            Compare::Less => (Test::GreaterOrEqual, true),
        };
        Ok(Simple { argument, test, value, negated })
    }

    /// Adds the test in front of its two outcomes.
    pub(super) fn emit(self, builder: &mut Builder, yes: Label, no: Label) -> Label {
        if yes == no {
            return yes;
        }
        let (yes, no) = if self.negated { (no, yes) } else { (yes, no) };
        match self.test {
            Test::Masked(mask) => self.emit_masked(builder, mask, yes, no),
            Test::Greater => self.emit_order(builder, Jump::Greater, yes, no),
            Test::GreaterOrEqual => self.emit_order(builder, Jump::GreaterOrEqual, yes, no),
        }
    }

    fn emit_masked(self, builder: &mut Builder, mask: u64, yes: Label, no: Label) -> Label {
        let low = self.emit_masked_word(builder, 0, mask, yes, no);
        self.emit_masked_word(builder, 1, mask, low, no)
    }

    fn emit_masked_word(self, builder: &mut Builder, word: u32, mask: u64, yes: Label, no: Label) -> Label {
        let (mask, value) = (half(mask, word), half(self.value, word));
        if value & !mask != 0 {
            return no;
        }
        if mask == 0 || yes == no {
            return yes;
        }
        builder.jump(Jump::Equal, value, yes, no);
        if mask != u32::MAX {
            builder.emit(Instruction::and(mask));
        }
        builder.emit(self.load(word))
    }

    /// The high words decide unless they are equal.
    fn emit_order(self, builder: &mut Builder, jump: Jump, yes: Label, no: Label) -> Label {
        builder.jump(jump, half(self.value, 0), yes, no);
        let low = builder.emit(self.load(0));
        let high = half(self.value, 1);
        let equal = builder.jump(Jump::Equal, high, low, no);
        builder.jump(Jump::Greater, high, yes, equal);
        builder.emit(self.load(1))
    }

    fn load(self, word: u32) -> Instruction {
        Instruction::load(OFFSET_ARGUMENTS + 8 * u32::from(self.argument) + 4 * word)
    }
}

/// The low or the high word.
#[expect(clippy::cast_possible_truncation, reason = "the other word is what is left out")]
fn half(value: u64, word: u32) -> u32 {
    (value >> (32 * word)) as u32
}
