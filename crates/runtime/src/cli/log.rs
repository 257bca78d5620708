//! The log that engines read errors from.

use std::fs::OpenOptions;
use std::io::{self, Write};

use serde::Serialize;

use super::arguments::{Global, LogFormat};

/// One entry, in the fields of logrus, which containerd and Podman parse.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    level: &'a str,
    msg: &'a str,
    time: String,
}

/// Reports an error on standard error, and in the log file.
pub(super) fn error(global: &Global, error: &anyhow::Error) {
    let message = format!("{error:#}");
    // There is nobody left to tell if this fails.
    let _ = writeln!(io::stderr(), "teu-runtime: error: {message}");
    write(global, "error", &message);
}

/// Reports something that is no reason to stop.
pub(super) fn warning(global: &Global, message: &str) {
    // As above.
    let _ = writeln!(io::stderr(), "teu-runtime: warning: {message}");
    write(global, "warning", message);
}

/// Says what is done, where `--debug` asks for it.
pub(super) fn debug(global: &Global, message: &str) {
    if global.debug {
        // As above.
        let _ = writeln!(io::stderr(), "teu-runtime: debug: {message}");
        write(global, "debug", message);
    }
}

fn write(global: &Global, level: &str, msg: &str) {
    let Some(path) = &global.log else { return };
    let time = jiff::Timestamp::now().to_string();
    let line = match global.log_format {
        LogFormat::Json => serde_json::to_string(&Entry { level, msg, time }).unwrap_or_default(),
        LogFormat::Text => format!("time={time:?} level={level} msg={msg:?}"),
    };
    let file = OpenOptions::new().create(true).append(true).open(path);
    if let Err(e) = file.and_then(|mut f| writeln!(f, "{line}")) {
        let _ = writeln!(io::stderr(), "teu-runtime: cannot write the log {}: {e}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_the_fields_that_engines_read() {
        let entry = Entry { level: "error", msg: "a \"b\"", time: "t".into() };
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(text, r#"{"level":"error","msg":"a \"b\"","time":"t"}"#);
    }
}
