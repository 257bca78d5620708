//! The command line.
//!
//! One file per command, where its name leads: `commands/<noun>/<verb>.rs`. A command is a [`verb::Verb`]: its flags
//! are the fields of a type, and it talks to the engine through [`teu_api::client`] alone. Only the parser of the
//! command that was called is built.
//!
//! - [`opts`]: parsers of flag values, with Docker's messages;
//! - [`mod@format`]: tables, Go templates, JSON, sizes and times, as Docker prints them;
//! - [`terminal`]: raw mode, resizing, signals, detach keys;
//! - [`session`]: the streams of `run`, `attach`, `exec` and `logs`;
//! - [`config`]: configuration files, contexts, credentials, where the engine is;
//! - [`autostart`]: starts an engine when none answers;
//! - [`completion`]: what shells ask for when Tab is pressed.

mod app;
mod autostart;
mod commands;
mod completion;
mod config;
mod error;
mod flags;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod globals;
mod help;
mod man;
mod opts;
mod progress;
mod session;
mod spelling;
mod suggest;
mod terminal;
mod verb;

pub use app::main;
pub use teu_api::version::Build;
