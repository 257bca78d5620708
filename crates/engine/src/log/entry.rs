//! One line of a `json-file` log: `{"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

/// Which of a process' streams an entry came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

/// An entry of a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// What was written: a line with its end, or a part of a long one.
    pub(crate) log: Cow<'a, [u8]>,
    pub(crate) output: Output,
    /// RFC 3339 with as many decimals as it takes.
    pub(crate) time: Cow<'a, str>,
    /// Labels and variables that the log options ask for.
    pub(crate) attrs: BTreeMap<String, String>,
}

/// The general form, for lines that the short way does not understand.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

/// Reads one line, without or with its line end. `None` if it is not an entry: damage in the middle of a log must not
/// hide the rest.
pub(crate) fn parse(line: &[u8]) -> Option<Entry<'_>> {
    quick(line).or_else(|| general(line))
}

/// The form that is written nearly always; several times as fast as a JSON parser.
fn quick(line: &[u8]) -> Option<Entry<'_>> {
    let rest = line.strip_prefix(b"{\"log\":\"")?;
    let (log, rest) = string(rest)?;
    let rest = rest.strip_prefix(b",\"stream\":\"std")?;
    let (output, rest) = if let Some(rest) = rest.strip_prefix(b"out\",\"time\":\"") {
        (Output::Stdout, rest)
    } else {
        (Output::Stderr, rest.strip_prefix(b"err\",\"time\":\"")?)
    };
    let end = rest.iter().position(|&b| b == b'"')?;
    let time = std::str::from_utf8(&rest[..end]).ok()?;
    matches!(rest[end..], [b'"', b'}'] | [b'"', b'}', b'\n']).then_some(())?;
    Some(Entry { log, output, time: Cow::Borrowed(time), attrs: BTreeMap::new() })
}

/// Reads a JSON string whose opening quote was read; returns it and what follows its closing quote.
fn string(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let mut owned: Option<Vec<u8>> = None;
    let mut from = 0;
    loop {
        let at = from + text[from..].iter().position(|&b| b == b'"' || b == b'\\')?;
        if text[at] == b'"' {
            let log = match owned {
                None => Cow::Borrowed(&text[..at]),
                Some(mut owned) => {
                    owned.extend_from_slice(&text[from..at]);
                    Cow::Owned(owned)
                }
            };
            return Some((log, &text[at + 1..]));
        }
        let unescaped = match text.get(at + 1)? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            plain @ (b'"' | b'\\' | b'/') => *plain,
            // \uXXXX, alone or in pairs: rare enough for the general way.
            _ => return None,
        };
        let owned = owned.get_or_insert_with(|| Vec::with_capacity(text.len()));
        owned.extend_from_slice(&text[from..at]);
        owned.push(unescaped);
        from = at + 2;
    }
}

fn general(line: &[u8]) -> Option<Entry<'_>> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let output = if line.stream == "stderr" { Output::Stderr } else { Output::Stdout };
    let log = match line.log {
        Cow::Borrowed(s) => Cow::Borrowed(s.as_bytes()),
        Cow::Owned(s) => Cow::Owned(s.into_bytes()),
    };
    Some(Entry { log, output, time: line.time, attrs: line.attrs })
}

impl Entry<'_> {
    /// When it was written.
    pub(crate) fn timestamp(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }

    /// Its time with nine decimals, as `logs --timestamps` shows it.
    pub(crate) fn push_time(&self, out: &mut Vec<u8>) {
        let time = self.time.as_bytes();
        let seconds = time.iter().position(|&b| b == b'.' || b == b'Z').unwrap_or(time.len());
        let decimals: &[u8] = match time.get(seconds) {
            Some(b'.') => time[seconds + 1..].split(|b| !b.is_ascii_digit()).next().unwrap_or(&[]),
            _ => &[],
        };
        out.extend_from_slice(&time[..seconds]);
        out.push(b'.');
        out.extend_from_slice(&decimals[..decimals.len().min(9)]);
        out.extend(std::iter::repeat_n(b'0', 9usize.saturating_sub(decimals.len())));
        out.extend_from_slice(b"Z");
    }

    /// Its details, sorted, as `logs --details` shows them.
    pub(crate) fn push_details(&self, out: &mut Vec<u8>) {
        for (i, (key, value)) in self.attrs.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key.as_bytes());
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Output, parse};

    #[test]
    fn both_ways_agree() {
        let line = br#"{"log":"a\tb \"c\" \\ \n","stream":"stderr","time":"2026-01-02T03:04:05.6Z"}"#;
        let quick = super::quick(line).expect("the usual form");
        assert_eq!(super::general(line).expect("JSON"), quick);
        assert_eq!(quick.log.as_ref(), b"a\tb \"c\" \\ \n");
        assert_eq!(quick.output, Output::Stderr);
    }

    #[test]
    fn unusual_lines() {
        let unicode = parse(br#"{"log":"\u00e9\ud83d\ude00\u0001\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}"#);
        assert_eq!(unicode.expect("JSON").log.as_ref(), "é😀\u{1}\n".as_bytes());
        let attrs = parse(br#"{"log":"x","stream":"stdout","attrs":{"b":"2","a":"1"},"time":"2026-01-02T03:04:05Z"}"#);
        let mut details = Vec::new();
        attrs.expect("JSON").push_details(&mut details);
        assert_eq!(details, b"a=1,b=2");
        for damaged in [&b""[..], b"\n", b"{\"log\":\"a", b"\0\0\0\0", b"{\"log\":\"\\"] {
            assert!(parse(damaged).is_none());
        }
    }

    #[test]
    fn nine_decimals() {
        for (stored, shown) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000000Z"),
            ("2026-01-02T03:04:05.12Z", "2026-01-02T03:04:05.120000000Z"),
            ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456789Z"),
        ] {
            let line = format!("{{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"{stored}\"}}\n");
            let mut out = Vec::new();
            parse(line.as_bytes()).expect("an entry").push_time(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), shown);
        }
    }
}
