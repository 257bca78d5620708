//! JSON text whose order and style must survive: what the engine sent is shown, not a re-serialisation of it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Lays out JSON text with four blanks per level, as Go's `json.Indent` does. Strings and numbers stay byte for byte.
///
/// The text must be valid JSON; anything else is laid out somehow.
pub(crate) fn indent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0usize;
    let mut fresh = false;
    scan(text, |token| {
        if fresh && !matches!(token, Token::Close(_)) {
            fresh = false;
            depth += 1;
            new_line(&mut out, depth);
        }
        match token {
            Token::Open(c) => {
                fresh = true;
                out.push(c);
            }
            Token::Close(c) => {
                if fresh {
                    fresh = false;
                } else {
                    depth = depth.saturating_sub(1);
                    new_line(&mut out, depth);
                }
                out.push(c);
            }
            Token::Comma => {
                out.push(',');
                new_line(&mut out, depth);
            }
            Token::Colon => out.push_str(": "),
            Token::Text(text) => out.push_str(text),
        }
    });
    out
}

/// Removes the blanks between the tokens of JSON text.
pub(crate) fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    scan(text, |token| match token {
        Token::Open(c) | Token::Close(c) => out.push(c),
        Token::Comma => out.push(','),
        Token::Colon => out.push(':'),
        Token::Text(text) => out.push_str(text),
    });
    out
}

/// The members of a JSON object, in order; `None` when the text is not an object.
pub(crate) fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Members<'a>(Vec<(String, &'a RawValue)>);
    impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(MembersVisitor).map(Members)
        }
    }
    struct MembersVisitor;
    impl<'de> Visitor<'de> for MembersVisitor {
        type Value = Vec<(String, &'de RawValue)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(entry) = map.next_entry::<String, &'de RawValue>()? {
                members.push(entry);
            }
            Ok(members)
        }
    }
    serde_json::from_str::<Members<'_>>(text).ok().map(|members| members.0)
}

/// The elements of a JSON array; `None` when the text is not an array.
pub(crate) fn elements(text: &str) -> Option<Vec<&RawValue>> {
    struct Elements<'a>(Vec<&'a RawValue>);
    impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_seq(ElementsVisitor).map(Elements)
        }
    }
    struct ElementsVisitor;
    impl<'de> Visitor<'de> for ElementsVisitor {
        type Value = Vec<&'de RawValue>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut elements = Vec::new();
            while let Some(element) = seq.next_element::<&'de RawValue>()? {
                elements.push(element);
            }
            Ok(elements)
        }
    }
    serde_json::from_str::<Elements<'_>>(text).ok().map(|elements| elements.0)
}

/// A string as JSON text, with Go's escapes.
pub(crate) fn string(text: &str) -> String {
    let plain = serde_json::Value::from(text).to_string();
    plain.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// A string as JSON text that may stand inside HTML: Go's default, which Docker keeps for the rows of tables.
pub(crate) fn html_string(text: &str) -> String {
    string(text).replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

enum Token<'a> {
    Open(char),
    Close(char),
    Comma,
    Colon,
    Text(&'a str),
}

fn scan<'a>(text: &'a str, mut emit: impl FnMut(Token<'a>)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at += 1;
        match bytes[start] {
            b'{' | b'[' => emit(Token::Open(char::from(bytes[start]))),
            b'}' | b']' => emit(Token::Close(char::from(bytes[start]))),
            b',' => emit(Token::Comma),
            b':' => emit(Token::Colon),
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'"' => {
                at = end_of_string(bytes, at);
                emit(Token::Text(&text[start..at]));
            }
            _ => {
                while at < bytes.len() && !b"{}[],: \t\r\n\"".contains(&bytes[at]) {
                    at += 1;
                }
                emit(Token::Text(&text[start..at]));
            }
        }
    }
}

/// The index after the closing quote; `at` is after the opening one.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("    ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout() {
        let text = r#" {"b":{ },"a":[1, 2.50,"x,\"{}"],"c":[],"d":null} "#;
        let want = "{\n    \"b\": {},\n    \"a\": [\n        1,\n        2.50,\n        \"x,\\\"{}\"\n    ],\n    \"c\": [],\n    \"d\": null\n}";
        assert_eq!(indent(text), want);
        assert_eq!(compact(&indent(text)), r#"{"b":{},"a":[1,2.50,"x,\"{}"],"c":[],"d":null}"#);
    }

    #[test]
    fn broken_text_does_not_panic() {
        for text in ["\"", "\"\\", "}}", "[", "{\"a\"", ""] {
            indent(text);
            compact(text);
        }
    }

    #[test]
    fn order_is_kept() {
        let members = members(r#"{"z":1,"a":{"y":2}}"#).unwrap();
        assert_eq!(members.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["z", "a"]);
        assert_eq!(members[1].1.get(), r#"{"y":2}"#);
        assert!(super::members("[]").is_none());
        assert_eq!(elements("[1,[2]]").unwrap()[1].get(), "[2]");
    }
}
