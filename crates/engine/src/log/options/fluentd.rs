//! `fluentd`.

use std::time::Duration;

use super::{Address, Map, Reason, address, known, value};

/// Fluentd's forward input.
const HOST: &str = "127.0.0.1";
const PORT: u16 = 24224;

/// Options of the driver.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fluentd {
    pub(crate) address: Address,
    /// Between attempts; grows.
    pub(crate) retry_wait: Duration,
    /// Times with nanoseconds.
    pub(crate) sub_second: bool,
    /// The receiver confirms each message.
    pub(crate) acknowledged: bool,
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) read_timeout: Option<Duration>,
}

impl Fluentd {
    pub(super) fn parse(options: &Map) -> Result<Fluentd, Reason> {
        let own = [
            "fluentd-address",
            "fluentd-async",
            "fluentd-async-connect",
            "fluentd-async-reconnect-interval",
            "fluentd-buffer-limit",
            "fluentd-max-retries",
            "fluentd-request-ack",
            "fluentd-retry-wait",
            "fluentd-sub-second-precision",
            "fluentd-write-timeout",
            "fluentd-read-timeout",
        ];
        known(options, |key| own.contains(&key), |key| format!("unknown log opt '{key}' for fluentd log driver"))?;
        let given = |key: &str| options.get(key).map(String::as_str).filter(|value| !value.is_empty());
        let boolean = |key: &str| given(key).map_or(Ok(false), value::boolean);
        let address = given("fluentd-address").unwrap_or("");
        let address = parse_address(address).map_err(|e| format!("invalid fluentd-address ({address}): {e}"))?;
        // Lines wait in a file, and are sent again for as long as it takes: these are checked only.
        given("fluentd-buffer-limit").map(value::binary_size).transpose()?;
        let retry_wait = match given("fluentd-retry-wait") {
            Some(text) => value::duration(text)?.unwrap_or_default(),
            None => Duration::from_secs(1),
        };
        given("fluentd-max-retries").map(|text| value::unsigned(text, u32::MAX.into())).transpose()?;
        boolean("fluentd-async")?;
        boolean("fluentd-async-connect")?;
        reconnect_interval(given("fluentd-async-reconnect-interval"))?;
        Ok(Fluentd {
            address,
            retry_wait,
            sub_second: boolean("fluentd-sub-second-precision")?,
            acknowledged: boolean("fluentd-request-ack")?,
            write_timeout: timeout("fluentd-write-timeout", given("fluentd-write-timeout"))?,
            read_timeout: timeout("fluentd-read-timeout", given("fluentd-read-timeout"))?,
        })
    }
}

fn reconnect_interval(text: Option<&str>) -> Result<(), Reason> {
    const KEY: &str = "fluentd-async-reconnect-interval";
    let Some(text) = text else { return Ok(()) };
    let interval = value::duration(text).map_err(|e| format!("invalid value for {KEY}: {e}"))?;
    let allowed = Duration::from_millis(100)..=Duration::from_secs(10);
    if interval.is_none_or(|interval| !interval.is_zero() && !allowed.contains(&interval)) {
        return Err(format!("invalid value for {KEY}: value ({text:?}) must be between 100ms and 10s"));
    }
    Ok(())
}

fn timeout(key: &str, text: Option<&str>) -> Result<Option<Duration>, Reason> {
    let Some(text) = text else { return Ok(None) };
    let wrong = |how: &str| format!("invalid value for {key}: value must be a duration{how}");
    let timeout = value::duration(text).map_err(|e| format!("{}: {e}", wrong("")))?;
    let timeout = timeout.ok_or_else(|| wrong(" that is non-negative"))?;
    Ok(Some(timeout).filter(|timeout| !timeout.is_zero()))
}

fn parse_address(text: &str) -> Result<Address, Reason> {
    if text.is_empty() {
        return Ok(Address::Tcp { host: HOST.to_owned(), port: PORT });
    }
    let whole = if text.contains("://") { text.to_owned() } else { format!("tcp://{text}") };
    let parts = address::split(&whole)?;
    match parts.scheme {
        "unix" if parts.path.trim_matches('/').is_empty() => return Err("path is empty".to_owned()),
        "unix" => return Ok(Address::Unix(parts.path.into())),
        "tcp" | "tls" => {}
        other => return Err(format!("unsupported scheme: '{other}'")),
    }
    if !parts.path.is_empty() {
        return Err("should not contain a path element".to_owned());
    }
    let host = if parts.host.is_empty() { HOST } else { parts.host }.to_owned();
    let port = match parts.port {
        None => PORT,
        Some(port) => {
            let port = value::unsigned(port, u16::MAX.into()).map_err(|e| format!("invalid port: {e}"))?;
            u16::try_from(port).unwrap_or(PORT)
        }
    };
    Ok(if parts.scheme == "tls" { Address::Tls { host, port } } else { Address::Tcp { host, port } })
}
