//! Log options: which there are, what they mean, and Docker's words for what is wrong with them.

mod address;
mod files;
mod fluentd;
mod gelf;
mod syslog;
mod value;

use std::collections::BTreeMap;

use crate::Error;

pub(crate) use address::Address;
pub(crate) use files::Rotation;
pub(crate) use fluentd::Fluentd;
pub(crate) use gelf::{Compression, Gelf};
pub(crate) use syslog::{Layout, Syslog};
pub(crate) use value::binary_size;

/// Names of the drivers that `info` lists; `none` is no driver.
pub(crate) const DRIVERS: [&str; 6] = ["fluentd", "gelf", "journald", "json-file", "local", "syslog"];

/// How many bytes of each stream are kept for a log that cannot be written, in non-blocking mode: Docker's default.
const BUFFER: u64 = 1_000_000;

/// Options about what each line carries, known to every driver.
const ATTRIBUTES: [&str; 5] = ["labels", "labels-regex", "env", "env-regex", "tag"];

type Map = BTreeMap<String, String>;

/// What is wrong with an option.
type Reason = String;

/// What a container's driver and options say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogOptions {
    pub(crate) driver: Driver,
    /// How the local file is rotated.
    pub(crate) rotation: Rotation,
    /// In non-blocking mode, how much of each stream is kept when the log cannot be written.
    pub(crate) non_blocking: Option<u64>,
    /// Whether `logs` may read the local file.
    pub(crate) readable: bool,
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Driver {
    None,
    JsonFile,
    Local,
    /// Into a local file, and from there to somebody else.
    Remote(Receiver),
}

/// To whom lines are sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Receiver {
    Journald,
    Syslog(Syslog),
    Fluentd(Fluentd),
    Gelf(Gelf),
}

impl Receiver {
    /// Whether lines on their way may be lost anyway. Then no container waits for them.
    pub(crate) fn may_lose(&self) -> bool {
        let address = match self {
            Receiver::Syslog(syslog) => syslog.address.as_ref(),
            Receiver::Gelf(gelf) => Some(&gelf.address),
            Receiver::Fluentd(_) | Receiver::Journald => None,
        };
        matches!(address, Some(Address::Udp { .. }))
    }
}

impl LogOptions {
    /// Reads what a container was created with.
    ///
    /// # Errors
    /// No such driver; an option that it does not know; a value that makes no sense.
    pub(crate) fn parse(driver: &str, options: &Map) -> Result<LogOptions, Error> {
        parse(driver, options).map_err(Error::Invalid)
    }

    /// Checks what Docker checks when a container is created: for its files it only looks at the options' names.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub(crate) fn check(driver: &str, options: &Map) -> Result<(), Error> {
        let named_only = |key: &String| {
            matches!(driver, "json-file" | "local") && matches!(key.as_str(), "max-size" | "max-file" | "compress")
        };
        let checked = options.iter().filter(|(key, _)| !named_only(key));
        parse(driver, &checked.map(|(key, value)| (key.clone(), value.clone())).collect())
            .map(drop)
            .map_err(Error::Invalid)
    }

    /// To whom lines are sent on, if to anybody.
    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        match &self.driver {
            Driver::Remote(receiver) => Some(receiver),
            _ => None,
        }
    }
}

fn parse(name: &str, options: &Map) -> Result<LogOptions, Reason> {
    if name == "none" {
        let rotation = Rotation::default();
        return Ok(LogOptions { driver: Driver::None, rotation, non_blocking: None, readable: false });
    }
    let non_blocking = mode(options)?;
    let cache_disabled = match options.get("cache-disabled").filter(|value| !value.is_empty()) {
        None => false,
        Some(value) => {
            value::boolean(value).map_err(|_| format!("invalid value for option cache-disabled: {value}"))?
        }
    };
    let own: Map = options.iter().filter(|(key, _)| !is_common(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let driver = driver(name, &own)?;
    let rotation = match &driver {
        Driver::None | Driver::JsonFile => Rotation::json_file(&own)?,
        Driver::Local => Rotation::local(&own)?,
        Driver::Remote(_) => Rotation::local(&cache(options))?,
    };
    let readable = !(cache_disabled && matches!(driver, Driver::Remote(_)));
    Ok(LogOptions { driver, rotation, non_blocking, readable })
}

/// Whether an option belongs to no driver.
fn is_common(key: &str) -> bool {
    let cached = || key.strip_prefix("cache-").is_some_and(|rest| rest == "disabled" || files::is_known(rest));
    matches!(key, "mode" | "max-buffer-size") || cached()
}

/// The options of the local file behind a driver with a receiver.
fn cache(options: &Map) -> Map {
    options.iter().filter_map(|(key, value)| Some((key.strip_prefix("cache-")?.to_owned(), value.clone()))).collect()
}

fn mode(options: &Map) -> Result<Option<u64>, Reason> {
    let mode = options.get("mode").map_or("", String::as_str);
    if !matches!(mode, "" | "blocking" | "non-blocking") {
        return Err(format!("logger: logging mode not supported: {mode}"));
    }
    let buffer = match options.get("max-buffer-size") {
        None => BUFFER,
        Some(_) if mode != "non-blocking" => {
            return Err("logger: max-buffer-size option is only supported with 'mode=non-blocking'".to_owned());
        }
        Some(size) => value::binary_size(size).map_err(|e| format!("error parsing option max-buffer-size: {e}"))?,
    };
    Ok((mode == "non-blocking").then_some(buffer))
}

fn driver(name: &str, options: &Map) -> Result<Driver, Reason> {
    Ok(match name {
        "json-file" => {
            known(options, files::is_known, |key| format!("unknown log opt '{key}' for json-file log driver"))?;
            Driver::JsonFile
        }
        "local" => {
            known(options, files::is_known, |key| format!("unknown log opt '{key}' for log driver local"))?;
            Driver::Local
        }
        "journald" => {
            known(options, |_| false, |key| format!("unknown log opt '{key}' for journald log driver"))?;
            Driver::Remote(Receiver::Journald)
        }
        "syslog" => Driver::Remote(Receiver::Syslog(Syslog::parse(options)?)),
        "fluentd" => Driver::Remote(Receiver::Fluentd(Fluentd::parse(options)?)),
        "gelf" => Driver::Remote(Receiver::Gelf(Gelf::parse(options)?)),
        other => return Err(format!("error looking up logging plugin {other}: plugin \"{other}\" not found")),
    })
}

/// Refuses the first option that a driver does not know.
fn known(options: &Map, own: impl Fn(&str) -> bool, text: impl Fn(&str) -> Reason) -> Result<(), Reason> {
    match options.keys().find(|key| !ATTRIBUTES.contains(&key.as_str()) && !own(key)) {
        Some(key) => Err(text(key)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
