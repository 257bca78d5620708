//! Parsers of flag values: text as a user types it, into what the Engine API carries.
//!
//! Every parser is a pure function or a `FromStr` (the file system and environment are touched only in [`mod@env`] and
//! [`device`]), and its messages are Docker's, since people search for them.

pub(crate) mod device;
pub(crate) mod duration;
pub(crate) mod env;
pub(crate) mod filter;
pub(crate) mod gpus;
pub(crate) mod hosts;
pub(crate) mod ipam;
pub(crate) mod keyvalue;
pub(crate) mod mount;
pub(crate) mod network;
pub(crate) mod number;
pub(crate) mod platform;
pub(crate) mod ports;
pub(crate) mod security;
pub(crate) mod size;
pub(crate) mod throttle;
pub(crate) mod timestamp;
pub(crate) mod ulimit;
pub(crate) mod volume;
