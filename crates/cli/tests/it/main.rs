//! The command line as a process, with an engine of canned answers.

mod arguments;
mod compatibility;
mod completion;
mod config;
mod context;
mod create;
mod debug;
mod engine;
mod format;
mod help;
mod login;
mod suggest;
mod why;
