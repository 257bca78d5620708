//! One line of a `json-file` log: `{"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use memchr::{memchr, memchr2};
use serde::Deserialize;

use super::entry::{Entry, Output, Time};

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
pub(super) fn parse(line: &[u8]) -> Option<Entry<'_>> {
    quick(line).or_else(|| general(line))
}

/// The form that is written nearly always; several times as fast as a JSON parser.
pub(super) fn quick(line: &[u8]) -> Option<Entry<'_>> {
    let rest = line.strip_prefix(b"{\"log\":\"")?;
    let (log, rest) = string(rest)?;
    let rest = rest.strip_prefix(b",\"stream\":\"std")?;
    let (output, rest) = if let Some(rest) = rest.strip_prefix(b"out\",\"time\":\"") {
        (Output::Stdout, rest)
    } else {
        (Output::Stderr, rest.strip_prefix(b"err\",\"time\":\"")?)
    };
    let end = memchr(b'"', rest)?;
    // One with an escape is left to the general way.
    let time = std::str::from_utf8(&rest[..end]).ok().filter(|time| !time.contains('\\'))?;
    matches!(rest[end..], [b'"', b'}'] | [b'"', b'}', b'\n']).then_some(())?;
    let (text, ends) = chomp(log);
    let time = Time::Text(Cow::Borrowed(time));
    Some(Entry { text, ends, output, time, attrs: BTreeMap::new(), part: None })
}

/// Reads a JSON string whose opening quote was read; returns it and what follows its closing quote.
fn string(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let mut owned: Option<Vec<u8>> = None;
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', &text[from..])?;
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

pub(super) fn general(line: &[u8]) -> Option<Entry<'_>> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let output = if line.stream == "stderr" { Output::Stderr } else { Output::Stdout };
    let log = match line.log {
        Cow::Borrowed(s) => Cow::Borrowed(s.as_bytes()),
        Cow::Owned(s) => Cow::Owned(s.into_bytes()),
    };
    let (text, ends) = chomp(log);
    Some(Entry { text, ends, output, time: Time::Text(line.time), attrs: line.attrs, part: None })
}

/// Takes the line's end off.
fn chomp(text: Cow<'_, [u8]>) -> (Cow<'_, [u8]>, bool) {
    match text {
        Cow::Borrowed(text) => match text.strip_suffix(b"\n") {
            Some(line) => (Cow::Borrowed(line), true),
            None => (Cow::Borrowed(text), false),
        },
        Cow::Owned(mut text) => {
            let ends = text.last() == Some(&b'\n');
            text.truncate(text.len() - usize::from(ends));
            (Cow::Owned(text), ends)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Output;
    use super::parse;

    #[test]
    fn both_ways_agree() {
        for line in [
            &br#"{"log":"a\tb \"c\" \\ \n","stream":"stderr","time":"2026-01-02T03:04:05.6Z"}"#[..],
            br#"{"log":"plain\n","stream":"stderr","time":"2026-01-02T03:04:05.6Z"}"#,
            br#"{"log":"\n","stream":"stderr","time":"2026-01-02T03:04:05.6Z"}"#,
            br#"{"log":"part\\","stream":"stderr","time":"2026-01-02T03:04:05.6Z"}"#,
        ] {
            let quick = super::quick(line).expect("the usual form");
            assert_eq!(super::general(line).expect("JSON"), quick);
            assert_eq!(quick.output, Output::Stderr);
        }
        let entry =
            parse(br#"{"log":"a\tb \"c\" \\ \n","stream":"stderr","time":"2026-01-02T03:04:05.6Z"}"#).expect("JSON");
        assert_eq!((entry.text.as_ref(), entry.ends), (&b"a\tb \"c\" \\ "[..], true));
    }

    #[test]
    fn unusual_lines() {
        let unicode = parse(br#"{"log":"\u00e9\ud83d\ude00\u0001\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}"#);
        assert_eq!(unicode.expect("JSON").text.as_ref(), "é😀\u{1}".as_bytes());
        let attrs = parse(br#"{"log":"x","stream":"stdout","attrs":{"b":"2","a":"1"},"time":"2026-01-02T03:04:05Z"}"#);
        let attrs = attrs.expect("JSON");
        assert!(!attrs.ends);
        let mut details = Vec::new();
        attrs.push_details(&mut details);
        assert_eq!(details, b"a=1,b=2");
        for damaged in [&b""[..], b"\n", b"{\"log\":\"a", b"\0\0\0\0", b"{\"log\":\"\\"] {
            assert!(parse(damaged).is_none());
        }
    }
}
