//! What can go wrong with a filter.

/// What can go wrong with a filter.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Argument index above 5.
    #[error("invalid argument index {0} in a seccomp condition: system calls have six arguments, 0 to 5")]
    InvalidArgument(u8),
    /// The kernel takes at most 4096 instructions (`BPF_MAXINSNS`).
    #[error("seccomp filter is too long: {0} instructions, the kernel takes 4096")]
    TooLong(usize),
    /// The policy names no architecture, and this machine's is not known.
    #[error("system call numbers of this machine's architecture are not known")]
    UnknownArchitecture,
    /// An action that the kernel does not have.
    #[error("seccomp action {0} is not supported by this kernel")]
    UnsupportedAction(&'static str),
    /// Serialised program is damaged or of another version.
    #[error("invalid compiled seccomp filter: {0}")]
    InvalidProgram(&'static str),
}
