//! From the bytes of a log to what a client is sent.

use bytes::Bytes;
use jiff::Timestamp;

use super::entry::{Entry, Output};
use super::format::Format;

/// Bytes of a frame's header: stream number, three zeros, length as four bytes big endian.
const HEADER: usize = 8;

/// What is wanted of a log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Select {
    /// The container has a terminal: entries are sent bare, otherwise each in a frame.
    pub(crate) tty: bool,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) timestamps: bool,
    pub(crate) details: bool,
    /// Only the last so many entries.
    pub(crate) tail: Option<usize>,
    /// Go on as the log grows.
    pub(crate) follow: bool,
}

/// A piece of log as it is sent, and whether the end of what is wanted was reached.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) output: Bytes,
    pub(super) finished: bool,
}

/// Converts complete entries.
pub(super) fn convert(content: &[u8], format: Format, select: &Select) -> Batch {
    let mut output = Vec::with_capacity(content.len());
    let mut finished = false;
    for entry in format.entries(content) {
        if past(&entry, select.until) {
            finished = true;
            break;
        }
        if wanted(&entry, select) {
            push(&entry, select, &mut output);
        }
    }
    Batch { output: Bytes::from(output), finished }
}

/// Appends an entry, framed unless there is a terminal.
fn push(entry: &Entry<'_>, select: &Select, output: &mut Vec<u8>) {
    let header = output.len();
    if !select.tty {
        let stream = match entry.output {
            Output::Stdout => 1,
            Output::Stderr => 2,
        };
        output.extend_from_slice(&[stream, 0, 0, 0, 0, 0, 0, 0]);
    }
    format(entry, select, output);
    if !select.tty {
        let length = u32::try_from(output.len() - header - HEADER).unwrap_or(u32::MAX);
        output[header + 4..header + HEADER].copy_from_slice(&length.to_be_bytes());
    }
}

fn past(entry: &Entry<'_>, until: Option<Timestamp>) -> bool {
    until.is_some_and(|until| entry.timestamp().is_some_and(|t| t > until))
}

fn wanted(entry: &Entry<'_>, select: &Select) -> bool {
    let output = match entry.output {
        Output::Stdout => select.stdout,
        Output::Stderr => select.stderr,
    };
    output && select.since.is_none_or(|since| entry.timestamp().is_none_or(|t| t >= since))
}

fn format(entry: &Entry<'_>, select: &Select, out: &mut Vec<u8>) {
    if select.timestamps {
        entry.push_time(out);
        out.push(b' ');
    }
    if select.details {
        entry.push_details(out);
        out.push(b' ');
    }
    out.extend_from_slice(&entry.text);
    if entry.ends {
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Select, convert};

    const LOG: &[u8] = b"{\"log\":\"one\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:01Z\"}\n\
        {\"log\":\"two\\n\",\"stream\":\"stderr\",\"time\":\"2026-01-01T00:00:02Z\"}\n\
        \0\0damage\0\n\
        {\"log\":\"three\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:03.5Z\"}\n\
        {\"log\":\"incomp";

    fn text(select: &Select) -> String {
        String::from_utf8_lossy(&convert(LOG, Format::Json, select).output).into_owned()
    }

    fn both() -> Select {
        Select { tty: true, stdout: true, stderr: true, ..Select::default() }
    }

    #[test]
    fn complete_lines_only() {
        assert_eq!(text(&both()), "one\ntwo\nthree\n");
        let used = Format::Json.complete(LOG);
        assert_eq!(&LOG[used..], b"{\"log\":\"incomp");
    }

    #[test]
    fn frames() {
        let framed = convert(LOG, Format::Json, &Select { tty: false, ..both() }).output;
        assert_eq!(&framed[..], b"\x01\0\0\0\0\0\0\x04one\n\x02\0\0\0\0\0\0\x04two\n\x01\0\0\0\0\0\0\x06three\n");
    }

    #[test]
    fn selection() {
        assert_eq!(text(&Select { stderr: false, ..both() }), "one\nthree\n");
        let at = |s: &str| Some(s.parse().expect("a time"));
        assert_eq!(text(&Select { since: at("2026-01-01T00:00:02Z"), ..both() }), "two\nthree\n");
        assert_eq!(text(&Select { until: at("2026-01-01T00:00:02Z"), ..both() }), "one\ntwo\n");
        assert!(convert(LOG, Format::Json, &Select { until: at("2026-01-01T00:00:02Z"), ..both() }).finished);
        let with_time = Select { timestamps: true, stdout: false, ..both() };
        assert_eq!(text(&with_time), "2026-01-01T00:00:02.000000000Z two\n");
    }
}
