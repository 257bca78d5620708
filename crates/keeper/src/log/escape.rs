//! JSON strings exactly as Docker's log files have them.
//!
//! Docker's json-file driver has an encoder of its own: control characters but `\n` and `\r` become `\u00xx`, so do
//! `<`, `>` and `&`; the separators U+2028 and U+2029 are escaped; each byte that is not part of valid UTF-8 becomes
//! `\ufffd`. Attributes go through Go's `encoding/json`, which differs in a few control characters.

use super::scan::find;

/// Whether a byte does not stand for itself.
#[inline]
fn special(b: u8) -> bool {
    !(0x20..0x80).contains(&b) | (b == b'"') | (b == b'\\') | (b == b'<') | (b == b'>') | (b == b'&')
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` without quotes, escaped as Docker's json-file driver does.
pub(super) fn append(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = find(rest, special) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        rest = if rest[0] < 0x80 { append_escaped(out, rest) } else { append_multibyte(out, rest) };
    }
    out.extend_from_slice(rest);
}

fn append_escaped<'a>(out: &mut Vec<u8>, rest: &'a [u8]) -> &'a [u8] {
    match rest[0] {
        b @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', b]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b => append_code(out, b),
    }
    &rest[1..]
}

fn append_code(out: &mut Vec<u8>, byte: u8) {
    let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
    out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
}

/// One character of more than one byte, or one byte that belongs to none.
fn append_multibyte<'a>(out: &mut Vec<u8>, rest: &'a [u8]) -> &'a [u8] {
    let len = match rest[0] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 0,
    };
    match rest.get(..len) {
        Some(b"\xe2\x80\xa8") => out.extend_from_slice(b"\\u2028"),
        Some(b"\xe2\x80\xa9") => out.extend_from_slice(b"\\u2029"),
        Some(char) if len > 0 && std::str::from_utf8(char).is_ok() => out.extend_from_slice(char),
        _ => {
            out.extend_from_slice(b"\\ufffd");
            return &rest[1..];
        }
    }
    &rest[len..]
}

/// Appends a quoted string as Go's `encoding/json` does, which Docker uses for attributes.
pub(super) fn append_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend_from_slice(&[b'\\', char as u8]),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\u{0}'..='\u{1f}' | '<' | '>' | '&' => append_code(out, char as u8),
            '\u{2028}' => out.extend_from_slice(b"\\u2028"),
            '\u{2029}' => out.extend_from_slice(b"\\u2029"),
            _ => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &[u8]) -> String {
        let mut out = Vec::new();
        append(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_are_those_of_docker() {
        assert_eq!(escaped(b"plain text, \x7f too"), "plain text, \u{7f} too");
        assert_eq!(escaped(b"\"a\\b\"\r\n"), r#"\"a\\b\"\r\n"#);
        assert_eq!(escaped(b"\t\0\x1b[0m"), r"\u0009\u0000\u001b[0m");
        assert_eq!(escaped(b"<a href=\"x\">&"), r#"\u003ca href=\"x\"\u003e\u0026"#);
        assert_eq!(escaped("grüße 漢字 😀".as_bytes()), "grüße 漢字 😀");
        assert_eq!(escaped("\u{2028}\u{2029}\u{2030}\u{fffd}".as_bytes()), "\\u2028\\u2029\u{2030}\u{fffd}");
    }

    #[test]
    fn each_invalid_byte_is_replaced_as_go_does() {
        assert_eq!(escaped(b"\xff"), r"\ufffd");
        assert_eq!(escaped(b"a\xc3"), r"a\ufffd");
        assert_eq!(escaped(b"\xe6\xbc"), r"\ufffd\ufffd");
        assert_eq!(escaped(b"\xe6\xbcx"), r"\ufffd\ufffdx");
        assert_eq!(escaped(b"\xc0\x80"), r"\ufffd\ufffd"); // overlong
        assert_eq!(escaped(b"\xed\xa0\x80"), r"\ufffd\ufffd\ufffd"); // surrogate
        assert_eq!(escaped(b"\xf5\x80\x80\x80"), r"\ufffd\ufffd\ufffd\ufffd");
    }

    #[test]
    fn quoted_strings_are_those_of_go() {
        let mut out = Vec::new();
        append_quoted(&mut out, "a\t\u{8}\u{1}<é>\u{2028}\"");
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\t\\b\\u0001\\u003cé\\u003e\\u2028\\\"\"");
    }
}
