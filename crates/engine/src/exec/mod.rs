//! Processes in running containers. They are remembered in memory only: an exec does not outlive its engine.

mod collect;
mod create;
mod inspect;
mod registry;
mod resize;
mod start;

pub(crate) use registry::Execs;
pub use start::ExecStarted;
