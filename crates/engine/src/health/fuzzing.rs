//! Fuzz targets: health checks as images and requests say them, and what containers answer.

use std::time::Duration;

use teu_api::container::Config;

pub use super::probe::fuzzing::{grpc_probe, http_probe};
use super::{Check, Status, validate};

/// A health check: what is accepted can be asked for, and the next probe is always still to come.
pub fn health_check(data: &[u8]) {
    let Ok(config) = teu_api::json::from_slice::<Config>(data) else { return };
    let Some(health) = &config.healthcheck else { return };
    if validate(health, config.shell.as_deref(), &mut Vec::new()).is_err() {
        return;
    }
    let Some(check) = Check::of(&config) else { return };
    assert!(!check.timeout.is_zero() && check.retries > 0);
    for status in [Status::Starting, Status::Healthy] {
        for (last, now) in [(0, 0), (1, 1_000_000_000), (u64::MAX, u64::MAX)] {
            let (last, now) = (Duration::from_nanos(last), Duration::from_nanos(now));
            assert!(check.next(status, last, now) > now);
        }
    }
}
