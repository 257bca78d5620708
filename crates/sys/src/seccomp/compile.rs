//! The compiler.

use super::{Error, Policy, Program};

/// Compiles a policy.
///
/// # Errors
/// If a condition is invalid or the program gets too long for the kernel.
pub fn compile(_policy: &Policy) -> Result<Program, Error> {
    todo!()
}
