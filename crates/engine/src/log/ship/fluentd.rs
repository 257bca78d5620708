//! Fluentd's forward protocol, message mode: `[tag, time, record, option]` in MessagePack.

use std::io;

use jiff::Timestamp;
use teu_api::client::TlsFiles;

use super::link::Link;
use super::messages::Messages;
use crate::ids;
use crate::log::describe::Description;
use crate::log::entry::Entry;
use crate::log::options::Fluentd;

/// Lays out entries of one container.
pub(super) struct Writer {
    options: Fluentd,
    tag: String,
    /// What all records have in common: key and value.
    fields: Vec<(String, String)>,
    /// Tells messages apart, for those that are confirmed.
    run: String,
    count: u64,
}

impl Writer {
    pub(super) fn new(options: &Fluentd, description: &Description) -> Writer {
        let mut fields = vec![
            ("container_id".to_owned(), description.id.clone()),
            ("container_name".to_owned(), format!("/{}", description.name)),
        ];
        fields.extend(description.extra.clone());
        let run = ids::mark();
        Writer { options: options.clone(), tag: description.tag.clone(), fields, run, count: 0 }
    }

    pub(super) async fn connect(&self) -> io::Result<Link> {
        let tls = TlsFiles { verify: true, ..TlsFiles::default() };
        let link = Link::open(&self.options.address, &tls).await?;
        Ok(link.with_timeouts(self.options.write_timeout, self.options.read_timeout))
    }

    pub(super) fn append(&mut self, entry: &Entry<'_>, messages: &mut Messages) {
        let confirmation = self.options.acknowledged.then(|| {
            self.count += 1;
            format!("{}{:x}", &self.run[..self.run.len().min(16)], self.count)
        });
        messages.push(|out| self.message(entry, confirmation.as_deref(), out));
        messages.confirmations.extend(confirmation);
    }

    fn message(&self, entry: &Entry<'_>, confirmation: Option<&str>, out: &mut Vec<u8>) {
        out.push(0x94);
        string(out, self.tag.as_bytes());
        self.time(entry.timestamp().unwrap_or_default(), out);
        let parts = if entry.part.is_some() { 4 } else { 0 };
        map(out, self.fields.len() + 2 + parts);
        for (key, value) in &self.fields {
            pair(out, key, value.as_bytes());
        }
        pair(out, "source", entry.output.name().as_bytes());
        pair(out, "log", &entry.text);
        if let Some(part) = &entry.part {
            pair(out, "partial_message", b"true");
            pair(out, "partial_id", part.id.as_bytes());
            pair(out, "partial_ordinal", part.ordinal.to_string().as_bytes());
            pair(out, "partial_last", part.last.to_string().as_bytes());
        }
        map(out, usize::from(confirmation.is_some()));
        if let Some(confirmation) = confirmation {
            pair(out, "chunk", confirmation.as_bytes());
        }
    }

    /// Seconds, or Fluentd's own type 0: seconds and nanoseconds.
    fn time(&self, at: Timestamp, out: &mut Vec<u8>) {
        let seconds = at.as_second();
        if self.options.sub_second {
            out.extend_from_slice(&[0xd7, 0]);
            out.extend_from_slice(&u32::try_from(seconds).unwrap_or(0).to_be_bytes());
            out.extend_from_slice(&at.subsec_nanosecond().to_be_bytes());
        } else if let Ok(seconds) = i32::try_from(seconds) {
            out.push(0xd2);
            out.extend_from_slice(&seconds.to_be_bytes());
        } else {
            out.push(0xd3);
            out.extend_from_slice(&seconds.to_be_bytes());
        }
    }
}

fn pair(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    string(out, key.as_bytes());
    string(out, value);
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    let len = text.len();
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ 0..32), _) => out.push(0xa0 | len),
        (Ok(len), _) => out.extend_from_slice(&[0xd9, len]),
        (_, Ok(len)) => {
            out.push(0xda);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(0xdb);
            out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(text);
}

fn map(out: &mut Vec<u8>, len: usize) {
    match u8::try_from(len) {
        Ok(len @ 0..16) => out.push(0x80 | len),
        _ => {
            out.push(0xde);
            out.extend_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
}

/// Reads `{"ack": "…"}`: what is confirmed and how many bytes it took. None if it is not all there.
pub(super) fn confirmation(bytes: &[u8]) -> io::Result<Option<(&str, usize)>> {
    let nonsense = || io::Error::new(io::ErrorKind::InvalidData, "the receiver answered with something else");
    let Some((&head, rest)) = bytes.split_first() else { return Ok(None) };
    if head != 0x81 {
        return Err(nonsense());
    }
    let Some((key, rest)) = text(rest).ok_or_else(nonsense)? else { return Ok(None) };
    let Some((value, rest)) = text(rest).ok_or_else(nonsense)? else { return Ok(None) };
    if key != "ack" {
        return Err(nonsense());
    }
    Ok(Some((value, bytes.len() - rest.len())))
}

/// A short string and what follows. `Some(None)` if it is cut, `None` if it is none.
#[expect(clippy::option_option, reason = "cut and wrong are two things")]
fn text(bytes: &[u8]) -> Option<Option<(&str, &[u8])>> {
    let (len, rest) = match bytes {
        [] | [0xd9] => return Some(None),
        [head @ 0xa0..=0xbf, rest @ ..] => (usize::from(head & 0x1f), rest),
        [0xd9, len, rest @ ..] => (usize::from(*len), rest),
        _ => return None,
    };
    match rest.split_at_checked(len) {
        None => Some(None),
        Some((text, rest)) => Some(Some((std::str::from_utf8(text).ok()?, rest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::entry::{Output, Time};
    use crate::log::options::{Driver, LogOptions, Receiver};

    fn message(options: &[(&str, &str)], text: &[u8]) -> (Vec<u8>, Vec<String>) {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let parsed = LogOptions::parse("fluentd", &options).expect("valid");
        let Driver::Remote(Receiver::Fluentd(options)) = parsed.driver else { panic!("another driver") };
        let description = Description {
            id: "i".to_owned(),
            name: "n".to_owned(),
            tag: "t".to_owned(),
            extra: [("k".to_owned(), "v".to_owned())].into(),
            ..Description::default()
        };
        let entry = Entry {
            text: text.into(),
            ends: true,
            output: Output::Stdout,
            time: Time::Nanos(1_000_000_005),
            attrs: Default::default(),
            part: None,
        };
        let mut messages = Messages::default();
        Writer::new(&options, &description).append(&entry, &mut messages);
        (messages.bytes().to_vec(), messages.confirmations)
    }

    #[test]
    fn a_message_in_message_pack() {
        let expected = b"\x94\xa1t\xd2\0\0\0\x01\x85\xaccontainer_id\xa1i\xaecontainer_name\xa2/n\xa1k\xa1v\
            \xa6source\xa6stdout\xa3log\xa5hello\x80";
        assert_eq!(message(&[], b"hello"), (expected.to_vec(), Vec::new()));
        let (exact, _) = message(&[("fluentd-sub-second-precision", "true")], b"hello");
        assert!(exact.starts_with(b"\x94\xa1t\xd7\0\0\0\0\x01\0\0\0\x05\x85"));
        let (long, _) = message(&[], &[b'x'; 300]);
        assert!(long.windows(7).any(|w| w == b"log\xda\x01\x2cx"));
    }

    #[test]
    fn confirmations_are_asked_for_and_read() {
        let (bytes, chunks) = message(&[("fluentd-request-ack", "true")], b"x");
        let [chunk] = &chunks[..] else { panic!("{chunks:?}") };
        let mut option = b"\x81\xa5chunk".to_vec();
        string(&mut option, chunk.as_bytes());
        assert!(bytes.ends_with(&option));
        let mut answer = b"\x81\xa3ack".to_vec();
        string(&mut answer, chunk.as_bytes());
        for cut in 0..answer.len() {
            assert_eq!(confirmation(&answer[..cut]).expect("a beginning"), None);
        }
        let len = answer.len();
        answer.push(0x81);
        assert_eq!(confirmation(&answer).expect("an answer"), Some((chunk.as_str(), len)));
        assert!(confirmation(b"HTTP").is_err());
    }
}
