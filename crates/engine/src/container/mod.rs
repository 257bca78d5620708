//! Containers: one file per verb, and one actor per container that owns its transitions.

mod attach;
mod create;
mod inspect;
mod kill;
mod list;
mod logs;
mod names;
mod pause;
mod policy;
mod remove;
mod rename;
mod resize;
mod restart;
mod start;
mod state;
mod stop;
mod top;
mod wait;

pub use wait::Wait;
