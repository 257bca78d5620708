//! `logs`: what a container has written.

use teu_api::container::LogsOptions;

use super::log_target;
use crate::log::{self, Select};
use crate::{Engine, Error, Logs, time};

impl Engine {
    /// Reads a container's log.
    ///
    /// # Errors
    /// No such container; its log driver cannot be read; neither stream is wanted; a time or number makes no sense.
    pub async fn container_logs(&self, container: &str, options: &LogsOptions) -> Result<Logs, Error> {
        let handle = self.containers().find(container)?;
        let view = handle.view();
        if !options.stdout && !options.stderr {
            return Err(Error::Invalid("Bad parameters: you must choose at least one stream".to_owned()));
        }
        let files = self.container_files(&handle.id);
        let stored = log_target::readable(&view.definition.host.log_config, &files)?;
        let tty = view.definition.config.tty;
        let select = Select {
            tty,
            stdout: options.stdout,
            stderr: options.stderr,
            since: time::parse(&options.since)?,
            until: time::parse(&options.until)?,
            timestamps: options.timestamps,
            details: options.details,
            tail: tail(&options.tail)?,
            follow: options.follow,
        };
        let mut watch = handle.watch();
        let stopped = async move {
            // An error is the container's removal.
            drop(watch.wait_for(|view| view.removed || !view.state.is_active()).await);
        };
        Ok(Logs { tty, output: log::stream(stored, select, stopped) })
    }
}

/// A number of lines; `all`, nothing and negative numbers mean all.
fn tail(text: &str) -> Result<Option<usize>, Error> {
    if matches!(text, "" | "all") {
        return Ok(None);
    }
    match text.parse::<i64>() {
        Ok(lines) => Ok(usize::try_from(lines).ok()),
        // Docker ignores what is no number.
        Err(_) => Ok(None),
    }
}
