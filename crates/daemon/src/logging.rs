//! The daemon's own log, on standard error.

use crate::config::Settings;
use std::io::{IsTerminal, stderr};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;

/// Changes the level while the daemon runs.
#[derive(Debug, Clone)]
pub(crate) struct Level(Handle<LevelFilter, Registry>);

/// Starts logging.
pub(crate) fn init(settings: &Settings) -> Level {
    let (filter, handle) = reload::Layer::new(level(settings));
    let registry = tracing_subscriber::registry().with(filter);
    // Starting twice in one process leaves the first in place, which only a test does.
    if settings.log_format == "json" {
        registry.with(layer().json().flatten_event(true).with_target(false).with_writer(stderr)).try_init().ok();
    } else {
        let colours = !settings.raw_logs && stderr().is_terminal();
        registry.with(layer().with_ansi(colours).with_target(false).with_writer(stderr)).try_init().ok();
    }
    Level(handle)
}

impl Level {
    /// Applies the level of new settings.
    pub(crate) fn apply(&self, settings: &Settings) {
        self.0.reload(level(settings)).ok();
    }
}

fn level(settings: &Settings) -> LevelFilter {
    match settings.log_level.as_str() {
        "trace" => LevelFilter::TRACE,
        "debug" => LevelFilter::DEBUG,
        _ if settings.debug => LevelFilter::DEBUG,
        "warn" | "warning" => LevelFilter::WARN,
        "error" | "fatal" | "panic" => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    }
}
