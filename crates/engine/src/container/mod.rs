//! Containers: one file per verb, and one actor per container that owns its transitions.

mod actor;
mod attach;
mod create;
mod defaults;
mod definition;
mod exit;
mod files;
mod handle;
mod health;
mod index;
mod inspect;
mod kill;
mod list;
mod log_target;
mod logs;
mod merge;
mod mounts;
mod names;
mod network_view;
mod pause;
mod policy;
mod ports;
mod reconcile;
mod remove;
mod rename;
mod resize;
mod restart;
mod sandbox;
pub(crate) mod signal;
mod spec;
mod start;
mod state;
mod stats;
mod stop;
mod stored;
mod top;
mod update;
mod user;
mod validate;
mod wait;

pub(crate) use actor::{Actor, Command};
pub(crate) use attach::{ClientInput, Hookup, hook_up, pump};
pub(crate) use definition::Definition;
pub(crate) use files::Files;
pub(crate) use handle::{Handle, View};
pub(crate) use index::Index;
pub(crate) use spec::{ExecDifferences, exec_process};
pub(crate) use start::refusal;
pub(crate) use state::Phase;
pub use stats::StatsStream;
pub(crate) use user::Accounts;
pub use wait::Wait;
pub(crate) use {exit::unknown_exit, stored::read as read_stored};

#[cfg(test)]
mod tests;
