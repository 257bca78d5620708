//! `gelf`: Graylog's extended log format.

use super::{Address, Map, Reason, address, known, value};

/// Options of the driver.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gelf {
    pub(crate) address: Address,
    /// Of datagrams.
    pub(crate) compression: Compression,
    /// 0 to 9; 1 by default, since lines are short and many.
    pub(crate) level: u32,
}

/// How datagrams are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zlib,
    None,
}

impl Gelf {
    pub(super) fn parse(options: &Map) -> Result<Gelf, Reason> {
        let address = match options.get("gelf-address").filter(|address| !address.is_empty()) {
            Some(address) => parse_address(address)?,
            None => return Err("gelf-address is a required parameter".to_owned()),
        };
        let udp = matches!(address, Address::Udp { .. });
        let own = [
            "gelf-address",
            "gelf-compression-level",
            "gelf-compression-type",
            "gelf-tcp-max-reconnect",
            "gelf-tcp-reconnect-delay",
        ];
        known(options, |key| own.contains(&key), |key| format!("unknown log opt {key:?} for gelf log driver"))?;
        for (key, value) in options {
            check(key, value, udp)?;
        }
        let compression = match options.get("gelf-compression-type").map(String::as_str) {
            Some("zlib") => Compression::Zlib,
            Some("none") => Compression::None,
            _ => Compression::Gzip,
        };
        let level = options.get("gelf-compression-level").map_or(Ok(1), |level| value::integer(level))?;
        // -1 is the library's own default.
        Ok(Gelf { address, compression, level: u32::try_from(level).unwrap_or(6) })
    }
}

fn check(key: &str, text: &str, udp: bool) -> Result<(), Reason> {
    let unknown = || format!("unknown value {text:?} for log opt {key:?} for gelf log driver");
    match key {
        "gelf-compression-level" | "gelf-compression-type" if !udp => {
            Err("compression is only supported on UDP".to_owned())
        }
        "gelf-compression-level" => match value::integer(text) {
            Ok(-1..=9) => Ok(()),
            _ => Err(unknown()),
        },
        "gelf-compression-type" if !matches!(text, "gzip" | "zlib" | "none") => Err(unknown()),
        // How often and when to connect again is for the engine to decide: these are checked only.
        "gelf-tcp-max-reconnect" | "gelf-tcp-reconnect-delay" => match value::integer(text) {
            _ if udp => Err(format!("{key:?} is only valid for TCP")),
            Ok(0..) => Ok(()),
            _ => Err(format!("{key:?} must be a positive integer")),
        },
        _ => Ok(()),
    }
}

fn parse_address(text: &str) -> Result<Address, Reason> {
    let parts = address::split(text)?;
    if !matches!(parts.scheme, "udp" | "tcp") {
        return Err("gelf: endpoint needs to be TCP or UDP".to_owned());
    }
    let port = parts.port.and_then(|port| port.parse().ok());
    let port = port.ok_or_else(|| "gelf: please provide gelf-address as proto://host:port".to_owned())?;
    let host = if parts.host.is_empty() { "127.0.0.1" } else { parts.host }.to_owned();
    Ok(if parts.scheme == "udp" { Address::Udp { host, port } } else { Address::Tcp { host, port } })
}
