//! System call filters: policies, a compiler to classic BPF of our own, and their installation.
//!
//! A [`Policy`] says for each system call, and if need be its arguments, what happens. [`compile()`] turns it into a
//! [`Program`] in which the call's number is found by binary search over ranges of calls that are treated alike, so that
//! a call costs some ten instructions where a list costs hundreds. [`install()`] loads it into the calling thread, without
//! allocation, so that it can be used between `clone3` and `execve`.

mod compile;
mod condition;
mod error;
pub(crate) mod fuzzing;
mod install;
mod interpreter;
mod policy;
mod program;
mod ranges;
mod semantics;
mod syscalls;
#[cfg(test)]
mod tests;

pub use compile::compile;
pub use error::Error;
pub use install::{install, supports_action};
pub use policy::{Action, Arch, Compare, Condition, Flags, Policy, Rule};
pub use program::{Instruction, Program};
