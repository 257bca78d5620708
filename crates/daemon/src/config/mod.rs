//! Configuration: dockerd's flags and `daemon.json`, merged by Docker's rules.
//!
//! Both sources are read into one object keyed as in the file, by the table in [`options`]. What is given in both is
//! refused, as is a key that no option has. [`Settings`] is the typed view of the outcome.

mod error;
mod file;
mod flags;
pub(crate) mod fuzzing;
mod hosts;
mod merge;
mod options;
mod settings;
mod userns;
mod value;

pub(crate) use error::ConfigError;
pub(crate) use flags::{Invocation, Stop, parse};
pub(crate) use hosts::Host;
pub(crate) use merge::load;
pub(crate) use settings::{Personality, Settings};
