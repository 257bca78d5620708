//! The user's terminal: raw mode, size, signals, detach keys.

pub(crate) mod escape;
pub(crate) mod raw;
pub(crate) mod resize;
pub(crate) mod signals;

/// Whether standard input is a terminal.
pub(crate) fn is_stdin() -> bool {
    rustix::termios::isatty(std::io::stdin())
}

/// Whether standard output is a terminal.
pub(crate) fn is_stdout() -> bool {
    rustix::termios::isatty(std::io::stdout())
}

/// Whether standard error is a terminal.
pub(crate) fn is_stderr() -> bool {
    rustix::termios::isatty(std::io::stderr())
}
