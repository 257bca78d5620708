//! Graylog's extended log format: JSON, compressed and in chunks over UDP, ended by a zero byte over TCP.

use std::io::{self, Write as _};

use flate2::Compression as Level;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Map, Value, json};
use teu_api::client::TlsFiles;

use super::link::Link;
use super::messages::Messages;
use crate::ids;
use crate::log::describe::Description;
use crate::log::entry::{Entry, Output};
use crate::log::options::{Address, Compression, Gelf};

/// Bytes of a datagram that passes every path, as GELF's libraries have it.
const DATAGRAM: usize = 1420;
/// Two magic bytes, eight of the message's id, number and count.
const HEADER: usize = 12;
/// The most that a message may have.
const CHUNKS: usize = 128;
/// Severities as in syslog.
const ERROR: i32 = 3;
const INFORMATIONAL: i32 = 6;

/// Lays out entries of one container.
pub(super) struct Writer {
    options: Gelf,
    hostname: String,
    extra: Map<String, Value>,
    /// Of the next message in chunks.
    id: u64,
}

impl Writer {
    pub(super) fn new(options: &Gelf, description: &Description) -> Writer {
        let own = [
            ("_container_id", &description.id),
            ("_container_name", &description.name),
            ("_image_id", &description.image_id),
            ("_image_name", &description.image_name),
            ("_command", &description.command),
            ("_tag", &description.tag),
            ("_created", &description.created),
        ];
        let mut extra: Map<String, Value> = own.into_iter().map(|(k, v)| (k.to_owned(), json!(v))).collect();
        for (key, value) in &description.extra {
            let key = if key.starts_with('_') { key.clone() } else { format!("_{key}") };
            extra.insert(key, json!(value));
        }
        let random = ids::mark();
        let id = u64::from_str_radix(random.get(..16).unwrap_or(""), 16).unwrap_or(0);
        Writer { options: options.clone(), hostname: description.hostname.clone(), extra, id }
    }

    pub(super) async fn connect(&self) -> io::Result<Link> {
        Link::open(&self.options.address, &TlsFiles::default()).await
    }

    pub(super) fn append(&mut self, entry: &Entry<'_>, messages: &mut Messages) {
        if entry.text.is_empty() {
            return;
        }
        let message = self.json(entry);
        if matches!(self.options.address, Address::Tcp { .. }) {
            messages.push(|out| {
                out.extend_from_slice(&message);
                out.push(0);
            });
            return;
        }
        let message = self.compress(message);
        if message.len() <= DATAGRAM {
            messages.push(|out| out.extend_from_slice(&message));
        } else {
            self.chunks(&message, messages);
        }
    }

    fn json(&self, entry: &Entry<'_>) -> Vec<u8> {
        let at = entry.timestamp().unwrap_or_default().as_millisecond();
        let level = if entry.output == Output::Stderr { ERROR } else { INFORMATIONAL };
        // Milliseconds as decimals, exactly.
        let (seconds, millis) = (at.div_euclid(1000), at.rem_euclid(1000));
        let host = Value::from(self.hostname.as_str());
        let text = Value::from(String::from_utf8_lossy(&entry.text));
        let mut message = format!(
            "{{\"version\":\"1.1\",\"host\":{host},\"short_message\":{text},\"timestamp\":{seconds}.{millis:03},\"level\":{level}"
        );
        for (key, value) in &self.extra {
            message.push_str(&format!(",{}:{value}", Value::from(key.as_str())));
        }
        message.push('}');
        message.into_bytes()
    }

    fn compress(&self, message: Vec<u8>) -> Vec<u8> {
        let level = Level::new(self.options.level);
        let compressed = match self.options.compression {
            Compression::None => return message,
            Compression::Gzip => {
                let mut gzip = GzEncoder::new(Vec::new(), level);
                gzip.write_all(&message).and_then(|()| gzip.finish())
            }
            Compression::Zlib => {
                let mut zlib = ZlibEncoder::new(Vec::new(), level);
                zlib.write_all(&message).and_then(|()| zlib.finish())
            }
        };
        // Memory takes everything; receivers read what is not compressed as well.
        compressed.unwrap_or(message)
    }

    fn chunks(&mut self, message: &[u8], messages: &mut Messages) {
        let count = message.len().div_ceil(DATAGRAM - HEADER);
        let Ok(total) = u8::try_from(count) else { return };
        if count > CHUNKS {
            tracing::warn!(len = message.len(), "a log message is too long for GELF and is left out");
            return;
        }
        self.id = self.id.wrapping_add(1);
        for (number, piece) in (0..total).zip(message.chunks(DATAGRAM - HEADER)) {
            messages.push(|out| {
                out.extend_from_slice(&[0x1e, 0x0f]);
                out.extend_from_slice(&self.id.to_be_bytes());
                out.extend_from_slice(&[number, total]);
                out.extend_from_slice(piece);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::{GzDecoder, ZlibDecoder};

    use super::*;
    use crate::log::entry::Time;
    use crate::log::options::{Driver, LogOptions, Receiver};

    fn messages(options: &[(&str, &str)], text: &[u8]) -> Vec<Vec<u8>> {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let parsed = LogOptions::parse("gelf", &options).expect("valid");
        let Driver::Remote(Receiver::Gelf(options)) = parsed.driver else { panic!("another driver") };
        let extra = [("k".to_owned(), "v".to_owned()), ("_own".to_owned(), "w".to_owned())].into();
        let description = Description { id: "i".to_owned(), extra, hostname: "h".to_owned(), ..Default::default() };
        let entry = Entry {
            text: text.into(),
            ends: true,
            output: Output::Stderr,
            time: Time::Nanos(1_700_000_000_120_000_000),
            attrs: Default::default(),
            part: None,
        };
        let mut messages = Messages::default();
        Writer::new(&options, &description).append(&entry, &mut messages);
        messages.from(0).map(<[u8]>::to_vec).collect()
    }

    fn check(message: &[u8]) {
        let value: Value = serde_json::from_slice(message).expect("JSON");
        let timestamp = b"\"timestamp\":1700000000.120,";
        assert!(message.windows(timestamp.len()).any(|w| w == timestamp));
        assert_eq!((&value["version"], &value["short_message"]), (&json!("1.1"), &json!("a \"b\"")));
        assert_eq!((&value["level"], &value["host"]), (&json!(3), &json!("h")));
        assert_eq!((&value["_k"], &value["_own"], &value["_container_id"]), (&json!("v"), &json!("w"), &json!("i")));
    }

    #[test]
    fn one_message_in_each_form() {
        let udp = ("gelf-address", "udp://127.0.0.1:1");
        let text = b"a \"b\"";
        let mut json = Vec::new();
        GzDecoder::new(&messages(&[udp], text)[0][..]).read_to_end(&mut json).expect("gzip");
        check(&json);
        json.clear();
        let zlib = messages(&[udp, ("gelf-compression-type", "zlib")], text);
        ZlibDecoder::new(&zlib[0][..]).read_to_end(&mut json).expect("zlib");
        check(&json);
        check(&messages(&[udp, ("gelf-compression-type", "none")], text)[0]);
        let tcp = messages(&[("gelf-address", "tcp://127.0.0.1:1")], text);
        check(tcp[0].strip_suffix(b"\0").expect("an end"));
    }

    #[test]
    fn long_messages_come_in_chunks() {
        let options = [("gelf-address", "udp://127.0.0.1:1"), ("gelf-compression-type", "none")];
        let chunks = messages(&options, &[b'x'; 5000]);
        assert_eq!(chunks.len(), 4);
        let mut whole = Vec::new();
        for (number, chunk) in (0_u8..).zip(&chunks) {
            assert!(chunk.len() <= DATAGRAM && chunk[..2] == [0x1e, 0x0f] && chunk[2..10] == chunks[0][2..10]);
            assert_eq!(chunk[10..12], [number, 4]);
            whole.extend_from_slice(&chunk[HEADER..]);
        }
        assert!(serde_json::from_slice::<Value>(&whole).is_ok());
    }
}
