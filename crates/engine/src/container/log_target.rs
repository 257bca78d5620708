//! Where a container's output is logged, from its log options.

use std::collections::BTreeMap;
use std::path::Path;

use teu_keeper::protocol::{LogDriver, LogTarget};

use super::definition::Definition;
use crate::Error;

/// Files are rotated by default, unlike Docker's, whose logs fill disks: at this size …
const DEFAULT_MAX_SIZE: u64 = 20_000_000;
/// … and so many are kept.
const DEFAULT_MAX_FILES: u32 = 5;

/// Checks a driver and its options, as create does.
pub(crate) fn check(driver: &str, options: &BTreeMap<String, String>) -> Result<(), Error> {
    match driver {
        "none" => Ok(()),
        "json-file" => parse(options).map(drop),
        "local" | "journald" | "syslog" | "fluentd" | "gelf" => Err(Error::Unsupported(format!("log driver {driver}"))),
        other => Err(Error::Invalid(format!("logger: no log driver named '{other}' is registered"))),
    }
}

/// The log of a container.
pub(super) fn of(definition: &Definition, path: &Path) -> Result<LogTarget, Error> {
    let log = &definition.host.log_config;
    if log.driver == "none" {
        return Ok(LogTarget { driver: LogDriver::None, ..LogTarget::default() });
    }
    let none = BTreeMap::new();
    let options = parse(log.config.as_ref().unwrap_or(&none))?;
    Ok(LogTarget {
        driver: LogDriver::JsonFile,
        path: path.to_owned(),
        max_size: options.max_size,
        max_files: options.max_files,
        compress: options.compress,
        attrs: attributes(definition, log.config.as_ref().unwrap_or(&none)),
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    max_size: Option<u64>,
    max_files: u32,
    compress: bool,
}

fn parse(options: &BTreeMap<String, String>) -> Result<Options, Error> {
    let mut parsed = Options { max_size: Some(DEFAULT_MAX_SIZE), max_files: DEFAULT_MAX_FILES, compress: false };
    if options.contains_key("max-size") && !options.contains_key("max-file") {
        // Docker keeps one file if only its size is given.
        parsed.max_files = 1;
    }
    for (name, value) in options {
        let bad = || Error::Invalid(format!("invalid value for log option {name}: {value:?}"));
        match name.as_str() {
            "max-size" if value == "-1" => parsed.max_size = None,
            "max-size" => parsed.max_size = Some(size(value).ok_or_else(bad)?),
            "max-file" => parsed.max_files = value.parse().ok().filter(|n| *n > 0).ok_or_else(bad)?,
            // The keeper does not compress yet: said at create rather than at start.
            "compress" => {
                if value.parse().map_err(|_| bad())? {
                    return Err(Error::Unsupported("log option compress".to_owned()));
                }
            }
            "labels" | "env" | "tag" => {}
            "labels-regex" | "env-regex" | "mode" | "max-buffer-size" => {
                if !(name == "mode" && value == "blocking") {
                    return Err(Error::Unsupported(format!("log option {name}")));
                }
            }
            _ => return Err(Error::Invalid(format!("unknown log opt '{name}' for json-file log driver"))),
        }
    }
    Ok(parsed)
}

/// `10m`, `1g`, `500k`, `1000`: powers of 1024, as Docker reads them.
fn size(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let lower = lower.strip_suffix('b').unwrap_or(&lower);
    let (digits, shift) = match lower.as_bytes().last()? {
        b'k' => (&lower[..lower.len() - 1], 10),
        b'm' => (&lower[..lower.len() - 1], 20),
        b'g' => (&lower[..lower.len() - 1], 30),
        _ => (lower, 0),
    };
    digits.parse::<u64>().ok().filter(|n| *n > 0)?.checked_mul(1 << shift)
}

/// Labels, variables and the tag that each line carries.
fn attributes(definition: &Definition, options: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let names =
        |option: &str| options.get(option).map(String::as_str).unwrap_or("").split(',').filter(|n| !n.is_empty());
    for name in names("labels") {
        if let Some((_, value)) = definition.labels().find(|(key, _)| *key == name) {
            all.insert(name.to_owned(), value.clone());
        }
    }
    for name in names("env") {
        let variables = definition.config.env.iter().flatten().filter_map(|e| e.split_once('='));
        if let Some((_, value)) = variables.into_iter().find(|(key, _)| *key == name) {
            all.insert(name.to_owned(), value.to_owned());
        }
    }
    if let Some(tag) = options.get("tag").filter(|t| !t.is_empty()) {
        all.insert("tag".to_owned(), tag.clone());
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Options, check, parse};

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn sizes_and_defaults() {
        let options = parse(&map(&[])).expect("none");
        assert_eq!(options, Options { max_size: Some(20_000_000), max_files: 5, compress: false });
        assert_eq!(parse(&map(&[("max-size", "10m")])).expect("valid").max_size, Some(10 << 20));
        assert_eq!(parse(&map(&[("max-size", "1k"), ("max-file", "3")])).expect("valid").max_files, 3);
        for bad in [("max-size", "x"), ("max-size", "0"), ("max-file", "0"), ("compress", "maybe"), ("nonsense", "1")] {
            assert!(parse(&map(&[bad])).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn drivers() {
        assert!(check("none", &map(&[])).is_ok());
        assert_eq!(
            check("syslog", &map(&[])).expect_err("not built").to_string(),
            "log driver syslog is not supported yet"
        );
        assert!(check("nonsense", &map(&[])).is_err());
    }
}
