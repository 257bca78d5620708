//! Containers of the command line: what is kept of them between calls.

mod bundle;
mod gate;
pub(crate) mod record;
mod store;
pub(crate) mod validate;

pub(crate) use bundle::{Bundle, read_process};
pub(crate) use gate::{Gate, Starter};
pub(crate) use record::{Condition, Record, start_time};
pub(crate) use store::{Container, Store};
