//! `daemon.json`.

use super::error::FileProblem;
use super::options::by_key;
use serde_json::{Map, Value};
use std::path::Path;

/// Reads a file into values by key. A missing file is an error only if it must exist.
pub(super) fn read(path: &Path, required: bool) -> Result<Map<String, Value>, FileProblem> {
    match std::fs::read(path) {
        Ok(bytes) => parse(&bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => Ok(Map::new()),
        Err(source) => Err(FileProblem::Read { path: path.to_owned(), source }),
    }
}

/// Reads the text of a file; an empty one says nothing.
pub(super) fn parse(bytes: &[u8]) -> Result<Map<String, Value>, FileProblem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    let Value::Object(mut values) = serde_json::from_slice(bytes)? else { return Err(FileProblem::NotAnObject) };
    // The one group of keys; each of them is an option of its own.
    if let Some(Value::Object(proxies)) = values.remove("proxies") {
        values.extend(proxies);
    }
    let unknown: Vec<_> = values.keys().filter(|key| by_key(key).is_none()).cloned().collect();
    if unknown.is_empty() { Ok(values) } else { Err(FileProblem::Unknown(unknown)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_named() {
        let error =
            parse(br#"{"foo": 1, "bar": 2, "debug": true, "proxies": {"zap": 1, "http-proxy": ""}}"#).unwrap_err();
        assert_eq!(error.to_string(), "the following directives don't match any configuration option: bar, foo, zap");
        assert!(parse(b"[]").is_err() && parse(b"{").is_err());
        assert!(parse(b" \n").unwrap().is_empty());
    }
}
