//! Processes in running containers. They are remembered in memory only; one that has been started is known to the keeper, and
//! an engine after this one takes it back from there.

mod collect;
mod create;
mod inspect;
mod registry;
mod resize;
mod start;

pub(crate) use registry::Execs;
pub use start::ExecStarted;
