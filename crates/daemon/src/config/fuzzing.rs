//! Fuzz target: `daemon.json`, and values in it.

use std::hint::black_box;
use std::path::PathBuf;

use serde_json::Map;

use super::hosts::parse_host;
use super::{Host, Invocation, Personality, file, merge, value};

/// A configuration file: it is refused with a message, or becomes the engine's settings.
pub fn daemon_json(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(host) = parse_host(&text, false, &Host::Unix(PathBuf::new())) {
        assert_eq!(parse_host(&host.to_string(), false, &Host::Unix(PathBuf::new())), Ok(host));
    }
    black_box(value::size(&text).is_ok());
    let content = match file::parse(data) {
        Ok(content) => content,
        Err(problem) => return assert!(!problem.to_string().is_empty()),
    };
    let personality = Personality::Dockerd;
    let config_file = PathBuf::from("daemon.json");
    let invocation =
        Invocation { personality, flags: Map::new(), config_file, config_file_required: true, validate: true };
    match merge::with_file(&invocation, content) {
        Ok(settings) => {
            black_box((settings.addresses(personality).is_ok(), settings.engine(PathBuf::new()).is_ok()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
