//! `container`.

pub(super) mod attach;
pub(super) mod commit;
pub(super) mod cp;
pub(super) mod create;
mod creation;
pub(super) mod diff;
pub(super) mod exec;
pub(super) mod export;
pub(super) mod inspect;
pub(super) mod kill;
pub(super) mod logs;
pub(super) mod ls;
mod options;
pub(super) mod pause;
pub(super) mod port;
pub(super) mod prune;
pub(super) mod rename;
pub(super) mod restart;
pub(super) mod rm;
pub(super) mod run;
pub(super) mod start;
pub(super) mod stats;
pub(super) mod stop;
pub(super) mod top;
pub(super) mod unpause;
pub(super) mod update;
pub(super) mod wait;
