//! The journal's native protocol: a datagram of fields, each `NAME=value` and a line end, or with the value's length in
//! eight bytes little endian if it has line ends itself.

use std::collections::BTreeMap;

use super::messages::Messages;
use crate::ids;
use crate::log::describe::Description;
use crate::log::entry::{Entry, Output};

/// Severities as in syslog.
const ERROR: &str = "3";
const INFORMATIONAL: &str = "6";

/// Lays out entries of one container.
pub(super) struct Writer {
    /// What all entries have in common, laid out.
    common: Vec<u8>,
    /// Number of the last entry.
    ordinal: u64,
}

impl Writer {
    pub(super) fn new(description: &Description) -> Writer {
        let own = [
            ("CONTAINER_ID", teu_oci::id::short(&description.id)),
            ("CONTAINER_ID_FULL", &description.id),
            ("CONTAINER_NAME", &description.name),
            ("CONTAINER_TAG", &description.tag),
            ("IMAGE_NAME", &description.image_name),
            ("SYSLOG_IDENTIFIER", &description.tag),
        ];
        let mut fields: BTreeMap<String, String> =
            own.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        // Tells entries of different runs with the same number apart.
        fields.insert("CONTAINER_LOG_EPOCH".to_owned(), ids::mark());
        fields.extend(description.extra.iter().map(|(key, value)| (name(key), value.clone())));
        let mut common = Vec::new();
        for (key, value) in fields.iter().filter(|(key, _)| !key.is_empty()) {
            field(&mut common, key, value.as_bytes());
        }
        Writer { common, ordinal: 0 }
    }

    pub(super) fn append(&mut self, entry: &Entry<'_>, messages: &mut Messages) {
        self.ordinal += 1;
        messages.push(|out| {
            field(out, "PRIORITY", if entry.output == Output::Stderr { ERROR } else { INFORMATIONAL }.as_bytes());
            field(out, "MESSAGE", &entry.text);
            out.extend_from_slice(&self.common);
            field(out, "CONTAINER_LOG_ORDINAL", self.ordinal.to_string().as_bytes());
            if let Some(at) = entry.timestamp() {
                field(out, "SYSLOG_TIMESTAMP", at.to_string().as_bytes());
            }
            if let Some(part) = &entry.part {
                field(out, "CONTAINER_PARTIAL_ID", part.id.as_bytes());
                field(out, "CONTAINER_PARTIAL_ORDINAL", part.ordinal.to_string().as_bytes());
                field(out, "CONTAINER_PARTIAL_LAST", part.last.to_string().as_bytes());
                if !part.last {
                    field(out, "CONTAINER_PARTIAL_MESSAGE", b"true");
                }
            }
        });
    }
}

/// Names are of capital letters, digits and underscores, and do not begin with one of the latter.
fn name(key: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    key.chars().map(legal).skip_while(|c| *c == '_').collect()
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::entry::{Part, Time};

    #[test]
    fn fields() {
        let extra = [("com.x-y".to_owned(), "1\n2".to_owned()), ("_low".to_owned(), "z".to_owned())].into();
        let id = "0123456789abcdef".to_owned();
        let description = Description { id, name: "n".to_owned(), tag: "t".to_owned(), extra, ..Default::default() };
        let entry = Entry {
            text: b"hi"[..].into(),
            ends: false,
            output: Output::Stderr,
            time: Time::Nanos(1_000_000_005),
            attrs: BTreeMap::new(),
            part: Some(Part { id: "p", ordinal: 1, last: false }),
        };
        let mut messages = Messages::default();
        Writer::new(&description).append(&entry, &mut messages);
        let text = String::from_utf8(messages.bytes().to_vec()).expect("text");
        for expected in [
            "PRIORITY=3\nMESSAGE=hi\n",
            "COM_X_Y\n\x03\0\0\0\0\0\0\x001\n2\n",
            "\nLOW=z\n",
            "CONTAINER_ID=0123456789ab\n",
            "CONTAINER_TAG=t\n",
            "SYSLOG_IDENTIFIER=t\n",
            "CONTAINER_LOG_ORDINAL=1\n",
            "SYSLOG_TIMESTAMP=1970-01-01T00:00:01.000000005Z\n",
            "CONTAINER_PARTIAL_MESSAGE=true\n",
        ] {
            assert!(text.contains(expected), "{expected:?} in {text:?}");
        }
    }
}
