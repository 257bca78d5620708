//! Fuzz targets: log options, the tag and what receivers elsewhere get; what they answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use teu_api::container::{Config, HostConfig, LogConfig};

use super::messages::Messages;
use super::{fluentd, gelf, journald, syslog};
use crate::container::Definition;
use crate::log::entry::{Entry, Output, Time};
use crate::log::options::{Address, Compression, Receiver};
use crate::log::{Description, LogOptions};

/// Options as lines of `key=value` behind the driver's name: they are refused, or a line is laid out for the receiver, and
/// no label of an image makes two messages of it.
pub fn log_options(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (driver, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let options: BTreeMap<String, String> =
        rest.split('\n').filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let Ok(parsed) = LogOptions::parse(driver, &options) else { return };
    if super::super::check_description(&options).is_err() {
        return;
    }
    let log_config = LogConfig { driver: driver.to_owned(), config: Some(options) };
    let Ok(description) = Description::of(&definition(log_config)) else { return };
    let entry = |text: &'static [u8]| Entry {
        text: Cow::Borrowed(text),
        ends: true,
        output: Output::Stderr,
        time: Time::Nanos(1_700_000_000_123_456_789),
        attrs: BTreeMap::new(),
        part: None,
    };
    if let Some(receiver) = parsed.receiver() {
        lay_out(receiver, &description, &entry(b"a line \"\\ \xff"));
        lay_out(receiver, &description, &entry(&[b'x'; 5000]));
    }
}

/// With labels and variables such as an image may bring.
fn definition(log_config: LogConfig) -> Definition {
    let labels = [("plain", "label"), ("lines", "one\n<0>two"), ("odd", "\u{0}\u{7f}\\\"")];
    Definition {
        id: "f0".repeat(32),
        name: "web".to_owned(),
        created: Timestamp::UNIX_EPOCH,
        image: format!("sha256:{}", "a".repeat(64)),
        config: Config {
            env: Some(vec!["PATH=/bin".to_owned(), "LINES=a\nb".to_owned(), "NOTHING".to_owned()]),
            labels: Some(labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into()),
            cmd: Some(vec!["sleep".to_owned(), "1\n2".to_owned()]),
            ..Config::default()
        },
        host: HostConfig { log_config, ..HostConfig::default() },
        endpoints: BTreeMap::new(),
        mounts: Vec::new(),
        ids: None,
    }
}

fn lay_out(receiver: &Receiver, description: &Description, entry: &Entry<'_>) {
    let mut messages = Messages::default();
    match receiver {
        Receiver::Syslog(options) => {
            syslog::Writer::new(options, description).append(entry, &mut messages);
            let lines = messages.bytes().iter().filter(|byte| **byte == b'\n').count();
            assert!(lines == 1 && messages.bytes().ends_with(b"\n"), "{}", messages.bytes().escape_ascii());
        }
        Receiver::Gelf(options) => {
            gelf::Writer::new(options, description).append(entry, &mut messages);
            let whole = match &options.address {
                Address::Tcp { .. } => messages.bytes().strip_suffix(b"\0"),
                _ => Some(messages.bytes())
                    .filter(|_| options.compression == Compression::None && messages.from(0).count() == 1),
            };
            if let Some(whole) = whole {
                assert!(serde_json::from_slice::<serde_json::Value>(whole).is_ok(), "{}", whole.escape_ascii());
            }
        }
        Receiver::Fluentd(options) => {
            fluentd::Writer::new(options, description).append(entry, &mut messages);
            assert_eq!(messages.confirmations.len(), usize::from(options.acknowledged));
        }
        Receiver::Journald => journald::Writer::new(description).append(entry, &mut messages),
    }
    assert!(messages.from(0).all(|message| !message.is_empty()));
}

/// What a Fluentd receiver answers: a confirmation is read from the first bytes that have it.
pub fn confirmations(data: &[u8]) {
    if let Ok(Some((text, used))) = fluentd::confirmation(data) {
        assert!(used <= data.len());
        assert_eq!(fluentd::confirmation(&data[..used]).ok().flatten(), Some((text, used)));
        assert!(matches!(fluentd::confirmation(&data[..used - 1]), Ok(None)));
    }
}
