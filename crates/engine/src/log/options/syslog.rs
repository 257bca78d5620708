//! `syslog`.

use std::path::PathBuf;

use teu_api::client::TlsFiles;

use super::{Address, Map, Reason, address, known, value};

/// Registered with IANA.
const PORT: u16 = 514;
/// Facilities by number (RFC 3164, 4.1.1); 12 to 15 have no name here.
const FACILITIES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// Options of the driver.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Syslog {
    /// None: the machine's own.
    pub(crate) address: Option<Address>,
    pub(crate) facility: u8,
    pub(crate) layout: Layout,
    pub(crate) tls: TlsFiles,
}

/// How a message is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As programs do that talk to the machine's own: time without year, no host name.
    Unix,
    /// RFC 3164: with host name.
    Rfc3164,
    /// RFC 5424.
    Rfc5424 {
        /// With microseconds.
        micro: bool,
    },
}

impl Syslog {
    pub(super) fn parse(options: &Map) -> Result<Syslog, Reason> {
        let own = [
            "syslog-address",
            "syslog-facility",
            "syslog-format",
            "syslog-tls-ca-cert",
            "syslog-tls-cert",
            "syslog-tls-key",
            "syslog-tls-skip-verify",
        ];
        known(options, |key| own.contains(&key), |key| format!("unknown log opt '{key}' for syslog log driver"))?;
        let given = |key: &str| options.get(key).map(String::as_str).filter(|value| !value.is_empty());
        let file = |key: &str| given(key).map(PathBuf::from);
        Ok(Syslog {
            address: given("syslog-address").map(parse_address).transpose()?,
            facility: given("syslog-facility").map_or(Ok(3), facility)?,
            layout: match given("syslog-format") {
                None => Layout::Unix,
                Some("rfc3164") => Layout::Rfc3164,
                Some("rfc5424") => Layout::Rfc5424 { micro: false },
                Some("rfc5424micro") => Layout::Rfc5424 { micro: true },
                Some(_) => return Err("Invalid syslog format".to_owned()),
            },
            tls: TlsFiles {
                ca: file("syslog-tls-ca-cert"),
                cert: file("syslog-tls-cert"),
                key: file("syslog-tls-key"),
                // Its presence counts, as in Docker.
                verify: !options.contains_key("syslog-tls-skip-verify"),
            },
        })
    }
}

fn parse_address(text: &str) -> Result<Address, Reason> {
    let parts = address::split(text)?;
    match parts.scheme {
        "unix" => return Ok(Address::Unix(parts.path.into())),
        "unixgram" => return Ok(Address::UnixDatagram(parts.path.into())),
        "udp" | "tcp" | "tcp+tls" => {}
        other => return Err(format!("unsupported scheme: '{other}'")),
    }
    let host = parts.host.to_owned();
    let port = parts.port.map_or(Ok(PORT), |port| port.parse().map_err(|_| format!("address {port}: invalid port")))?;
    Ok(match parts.scheme {
        "udp" => Address::Udp { host, port },
        "tcp" => Address::Tcp { host, port },
        _ => Address::Tls { host, port },
    })
}

/// A name or a number.
fn facility(text: &str) -> Result<u8, Reason> {
    let named = FACILITIES.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    let numbered = || value::integer(text).ok().and_then(|number| u8::try_from(number).ok()).filter(|n| *n <= 23);
    named.or_else(numbered).ok_or_else(|| "invalid syslog facility".to_owned())
}
