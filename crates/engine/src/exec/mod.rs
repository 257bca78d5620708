//! Processes in running containers.

mod create;
mod inspect;
mod resize;
mod start;

pub use start::ExecStarted;
