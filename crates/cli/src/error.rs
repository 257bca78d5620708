//! What can end a command, and how the user hears of it.

use std::fmt::Write;
use std::io;

/// Why a command ended without success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A flag is unknown, or its value malformed: exit code 125, with the usage line.
    #[error("{0}")]
    Flag(String),
    /// The number of arguments is wrong: exit code 1, with the usage line.
    #[error("{0}")]
    Arguments(String),
    /// No command of this name: exit code 1.
    #[error("{message}")]
    UnknownCommand {
        /// What to print.
        message: String,
        /// The command whose help may serve.
        parent: String,
    },
    /// `run`, `create` and `exec` failed before or at the start of the process: says where help is.
    #[error("{message}")]
    Start {
        /// What to print.
        message: String,
        /// 125, 126 or 127.
        code: u8,
    },
    /// Failed for the given reason, with a particular exit code.
    #[error("{message}")]
    Failed {
        /// What to print.
        message: String,
        /// Exit code.
        code: u8,
    },
    /// Everything was said already.
    #[error("exit code {0}")]
    Exit(u8),
    /// Any other failure: exit code 1.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Error {
    /// A failure with a message and exit code 1.
    pub(crate) fn message(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), code: 1 }
    }

    /// The user left a session that was there for nothing else, by the detach keys.
    pub(crate) fn detached() -> Self {
        Self::message("read escape sequence")
    }

    /// The exit code of the process.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Flag(_) => 125,
            Self::Arguments(_) | Self::UnknownCommand { .. } | Self::Other(_) => 1,
            Self::Start { code, .. } | Self::Failed { code, .. } | Self::Exit(code) => *code,
        }
    }

    /// What to print on standard error; empty when everything was said. `command` is how the user called it
    /// (`teu run`), `usage` what follows on its usage line.
    pub(crate) fn render(&self, program: &str, command: &str, usage: &str) -> String {
        let mut out = String::new();
        let usage_line = format!("\nUsage:  {}", crate::help::usage(command, usage));
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Flag(message) => {
                writeln!(out, "{message}\n{}\n\nRun '{command} --help' for more information", usage_line.trim_end())
            }
            Self::Arguments(message) => {
                // Docker's two spellings, by whether there is an upper bound.
                let see = if message.contains("at least") && !message.contains("at most") { "See" } else { "Run" };
                let usage_line = usage_line.trim_end();
                writeln!(out, "{program}: {message}\n{usage_line}\n\n{see} '{command} --help' for more information")
            }
            Self::UnknownCommand { message, parent } => {
                // Below a noun, Docker repeats the noun as usage.
                let usage = if parent.contains(' ') { format!("\nUsage:  {parent}\n") } else { String::new() };
                writeln!(out, "{program}: {message}\n{usage}\nRun '{parent} --help' for more information")
            }
            Self::Start { message, .. } => {
                writeln!(out, "{program}: {message}\n\nRun '{command} --help' for more information")
            }
            Self::Failed { message, .. } if message.is_empty() => Ok(()),
            Self::Failed { message, .. } => writeln!(out, "{message}"),
            Self::Exit(_) => Ok(()),
            Self::Other(error) => writeln!(out, "{error:#}"),
        };
        out
    }
}

/// An error of the engine in Docker's words: what the engine itself refused is marked as its answer.
pub(crate) fn engine_message(error: &teu_api::client::Error) -> String {
    match error {
        teu_api::client::Error::Api { message, .. } => format!("Error response from daemon: {message}"),
        other => other.to_string(),
    }
}

impl From<teu_api::client::Error> for Error {
    fn from(error: teu_api::client::Error) -> Self {
        Self::message(engine_message(&error))
    }
}

impl From<crate::format::row::FormatError> for Error {
    fn from(error: crate::format::row::FormatError) -> Self {
        Self::message(error.to_string())
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::message(reason(&error))
    }
}

/// A failed system call in Go's words: `open /x: no such file or directory`.
pub(crate) fn go_io(operation: &str, path: &str, error: &io::Error) -> anyhow::Error {
    anyhow::anyhow!("{operation} {path}: {}", reason(error))
}

/// The kernel's words for an error, as Go prints them: in lower case and without a number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_dockers() {
        let render = |error: Error| error.render("teu", "teu run", "[OPTIONS] IMAGE");
        assert_eq!(
            render(Error::Flag("unknown flag: --foo".into())),
            "unknown flag: --foo\n\nUsage:  teu run [OPTIONS] IMAGE\n\nRun 'teu run --help' for more information\n"
        );
        assert_eq!(
            render(Error::Arguments("'teu run' requires at least 1 argument".into())),
            "teu: 'teu run' requires at least 1 argument\n\nUsage:  teu run [OPTIONS] IMAGE\n\nSee 'teu run --help' for more information\n"
        );
        assert_eq!(
            render(Error::Start { message: "no such image".into(), code: 125 }),
            "teu: no such image\n\nRun 'teu run --help' for more information\n"
        );
        assert_eq!(render(Error::message("broken")), "broken\n");
        assert_eq!(render(Error::Exit(3)), "");
    }

    #[test]
    fn reasons_are_gos() {
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(go_io("open", "/x", &error).to_string(), "open /x: no such file or directory");
    }
}
