//! The command line as a process, with an engine of canned answers.

mod arguments;
mod config;
mod create;
mod engine;
mod format;
mod help;
mod suggest;
