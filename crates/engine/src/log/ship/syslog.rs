//! Syslog messages, as Docker's driver lays them out.

use std::io::{self, Write as _};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::link::Link;
use super::messages::Messages;
use crate::log::describe::Description;
use crate::log::entry::{Entry, Output};
use crate::log::options::{Address, Layout, Syslog};

/// Severities (RFC 5424, 6.2.1).
const ERROR: u8 = 3;
const INFORMATIONAL: u8 = 6;

/// Lays out entries of one container.
pub(super) struct Writer {
    options: Syslog,
    hostname: String,
    tag: String,
    /// Of the daemon, as Docker has it.
    pid: u32,
    zone: TimeZone,
}

impl Writer {
    pub(super) fn new(options: &Syslog, description: &Description) -> Writer {
        Writer {
            options: options.clone(),
            hostname: description.hostname.clone(),
            // A label of an image may be in it, and must not end the message.
            tag: description.tag.replace(char::is_control, "_"),
            pid: std::process::id(),
            zone: TimeZone::system(),
        }
    }

    pub(super) async fn connect(&self) -> io::Result<Link> {
        match &self.options.address {
            Some(address) => Link::open(address, &self.options.tls).await,
            None => Link::system_log().await,
        }
    }

    pub(super) fn append(&self, entry: &Entry<'_>, messages: &mut Messages) {
        // Docker's syslog has no empty lines.
        if entry.text.is_empty() {
            return;
        }
        let mut message = self.header(entry.output, entry.timestamp().unwrap_or_default()).into_bytes();
        message.extend_from_slice(&entry.text);
        message.push(b'\n');
        messages.push(|out| {
            if self.counted() {
                // Writing to memory does not fail.
                let _infallible = write!(out, "{} ", message.len());
            }
            out.extend_from_slice(&message);
        });
    }

    /// Whether messages come after their length (RFC 5425).
    fn counted(&self) -> bool {
        let tls = matches!(self.options.address, Some(Address::Tls { .. }));
        tls && matches!(self.options.layout, Layout::Rfc5424 { .. })
    }

    fn header(&self, output: Output, at: Timestamp) -> String {
        let severity = if output == Output::Stderr { ERROR } else { INFORMATIONAL };
        let priority = u16::from(self.options.facility) * 8 + u16::from(severity);
        let (host, tag, pid) = (&self.hostname, &self.tag, self.pid);
        let at = at.to_zoned(self.zone.clone());
        match self.options.layout {
            Layout::Unix => format!("<{priority}>{} {tag}[{pid}]: ", at.strftime("%b %e %H:%M:%S")),
            Layout::Rfc3164 => format!("<{priority}>{} {host} {tag}[{pid}]: ", at.strftime("%b %e %H:%M:%S")),
            Layout::Rfc5424 { micro } => {
                format!("<{priority}>1 {} {host} {tag} {pid} {tag} - ", rfc3339(&at, micro))
            }
        }
    }
}

fn rfc3339(at: &Zoned, micro: bool) -> String {
    let seconds = at.strftime(if micro { "%Y-%m-%dT%H:%M:%S.%6f" } else { "%Y-%m-%dT%H:%M:%S" });
    if at.offset().is_zero() { format!("{seconds}Z") } else { format!("{seconds}{}", at.strftime("%:z")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::entry::Time;
    use crate::log::options::{Driver, LogOptions, Receiver};

    fn message(options: &[(&str, &str)], zone: TimeZone) -> String {
        tagged("tag", options, zone)
    }

    fn tagged(tag: &str, options: &[(&str, &str)], zone: TimeZone) -> String {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let parsed = LogOptions::parse("syslog", &options).expect("valid");
        let Driver::Remote(Receiver::Syslog(options)) = parsed.driver else { panic!("another driver") };
        let description = Description { hostname: "host".to_owned(), tag: tag.to_owned(), ..Description::default() };
        let writer = Writer { pid: 7, zone, ..Writer::new(&options, &description) };
        let entry = Entry {
            text: b"hello"[..].into(),
            ends: true,
            output: Output::Stderr,
            time: Time::Nanos(1_700_000_000_123_456_789),
            attrs: Default::default(),
            part: None,
        };
        let mut messages = Messages::default();
        writer.append(&entry, &mut messages);
        writer.append(&Entry { text: b""[..].into(), ..entry }, &mut messages);
        assert_eq!(messages.from(0).count(), 1);
        String::from_utf8(messages.bytes().to_vec()).expect("text")
    }

    #[test]
    fn layouts_are_dockers() {
        assert_eq!(message(&[], TimeZone::UTC), "<27>Nov 14 22:13:20 tag[7]: hello\n");
        let local = [("syslog-facility", "local7"), ("syslog-format", "rfc3164")];
        assert_eq!(message(&local, TimeZone::UTC), "<187>Nov 14 22:13:20 host tag[7]: hello\n");
        let format = [("syslog-format", "rfc5424")];
        assert_eq!(message(&format, TimeZone::UTC), "<27>1 2023-11-14T22:13:20Z host tag 7 tag - hello\n");
        let east = TimeZone::fixed(jiff::tz::offset(2));
        let micro = [("syslog-format", "rfc5424micro"), ("syslog-address", "tcp+tls://h:1")];
        assert_eq!(message(&micro, east), "62 <27>1 2023-11-15T00:13:20.123456+02:00 host tag 7 tag - hello\n");
    }

    #[test]
    fn a_tag_does_not_end_the_message() {
        let message = tagged("one\n<0>two", &[("syslog-address", "tcp://h:1")], TimeZone::UTC);
        assert_eq!(message, "<27>Nov 14 22:13:20 one_<0>two[7]: hello\n");
    }
}
