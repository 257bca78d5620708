//! Where a container's output is logged, from its log options.

use std::collections::BTreeMap;
use std::path::Path;

use teu_api::container::LogConfig;
use teu_keeper::protocol::{LogDriver, LogTarget};

use super::definition::Definition;
use super::files::Files;
use crate::log::{self, Description, Driver, Format, JOURNAL, LogOptions, Receiver, Stored};
use crate::{Error, StartError};

/// Reads a container's log options.
pub(crate) fn options(config: &LogConfig) -> Result<LogOptions, Error> {
    LogOptions::parse(&config.driver, config.config.as_ref().unwrap_or(&BTreeMap::new()))
}

/// Checks a driver and its options, as create does.
pub(crate) fn check(config: &LogConfig) -> Result<(), Error> {
    LogOptions::check(&config.driver, config.config.as_ref().unwrap_or(&BTreeMap::new()))?;
    config.config.as_ref().map_or(Ok(()), log::check_description)
}

/// The log of a container.
pub(super) fn of(definition: &Definition, files: &Files) -> Result<LogTarget, Error> {
    let options = options(&definition.host.log_config).map_err(|error| cannot(&error.to_string()))?;
    let (driver, path, cursor) = match &options.driver {
        Driver::None => return Ok(LogTarget { driver: LogDriver::None, ..LogTarget::default() }),
        Driver::JsonFile => (LogDriver::JsonFile, &files.log, None),
        Driver::Local => (LogDriver::Local, &files.local_log, None),
        Driver::Remote(receiver) => {
            check_receiver(receiver)?;
            let cursor = (!receiver.may_lose()).then(|| files.log_cursor.clone());
            (LogDriver::Local, &files.local_log, cursor)
        }
    };
    if driver == LogDriver::Local {
        let folder = path.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(folder).map_err(|source| Error::File { path: folder.to_owned(), source })?;
    }
    Ok(LogTarget {
        driver,
        path: path.clone(),
        max_size: options.rotation.max_size,
        max_files: options.rotation.max_files,
        compress: options.rotation.compress,
        attrs: Description::of(definition)?.attributes(),
        non_blocking: options.non_blocking,
        cursor,
    })
}

/// A journal that does not run will not come: its socket is there from boot on. Others may be on their way.
fn check_receiver(receiver: &Receiver) -> Result<(), Error> {
    if *receiver == Receiver::Journald && !Path::new(JOURNAL).exists() {
        return Err(cannot("journald is not enabled on this host"));
    }
    Ok(())
}

/// Why nothing can be logged, with Docker's words in front.
fn cannot(reason: &str) -> Error {
    let message = format!("failed to create task for container: failed to initialize logging driver: {reason}");
    Error::Start(StartError { message, exit_code: 128 })
}

/// The file that `logs` reads.
///
/// # Errors
/// The driver keeps none, or it is not to be read.
pub(super) fn readable(config: &LogConfig, files: &Files) -> Result<Stored, Error> {
    let options = options(config)?;
    let stored = |path: &Path, format| Ok(Stored { path: path.to_owned(), format });
    match options.driver {
        Driver::JsonFile => stored(&files.log, Format::Json),
        Driver::Local | Driver::Remote(_) if options.readable => stored(&files.local_log, Format::Local),
        _ => Err(Error::Unreadable),
    }
}
