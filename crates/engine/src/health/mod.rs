//! Health checks: whether a running container does its work.
//!
//! [`Check`] says what is asked and how often, [`Health`] is what came of it. Both are pure: times come in as ages of
//! the run, so that a daemon's restart, a slow probe or a jump of the clock shifts nothing. One small task per checked
//! container waits for the next probe ([`monitor`]); what it finds is judged by the container's actor, like every other
//! change of its state. Containers without a check have neither.

mod check;
pub(crate) mod fuzzing;
mod monitor;
mod probe;
mod record;

pub(crate) use check::{Action, Check, validate};
pub(crate) use monitor::Monitor;
#[cfg(test)]
pub(crate) use probe::{Answer, Probe, Probed};
pub(crate) use probe::{Prober, Probes};
pub(crate) use record::{Finding, Health, Status};
