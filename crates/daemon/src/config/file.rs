//! `daemon.json`.

use super::error::FileProblem;
use super::options::{Kind, by_key};
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
    if !unknown.is_empty() {
        return Err(FileProblem::Unknown(unknown));
    }
    values.iter().try_for_each(|(key, value)| check_type(key, value))?;
    Ok(values)
}

/// Says which value has the wrong type: what decodes the whole later does not.
fn check_type(key: &str, value: &Value) -> Result<(), FileProblem> {
    let (fits, wanted) = match by_key(key).map(|option| option.kind) {
        Some(Kind::Bool) => (value.is_boolean(), "boolean"),
        Some(Kind::Int) => (value.is_i64(), "integer"),
        Some(Kind::Text) => (value.is_string(), "string"),
        _ => return Ok(()),
    };
    if fits || value.is_null() {
        return Ok(());
    }
    Err(FileProblem::Type { key: key.to_owned(), found: value.to_string(), wanted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_another_type_are_named() {
        let text = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        assert_eq!(text(br#"{"debug": 3}"#), "debug: 3 is no boolean");
        assert_eq!(text(br#"{"mtu": "1500"}"#), "mtu: \"1500\" is no integer");
        assert_eq!(text(br#"{"data-root": ["/x"]}"#), "data-root: [\"/x\"] is no string");
        assert!(parse(br#"{"debug": null, "mtu": 1500}"#).is_ok());
    }

    #[test]
    fn unknown_keys_are_named() {
        let error =
            parse(br#"{"foo": 1, "bar": 2, "debug": true, "proxies": {"zap": 1, "http-proxy": ""}}"#).unwrap_err();
        assert_eq!(error.to_string(), "the following directives don't match any configuration option: bar, foo, zap");
        assert!(parse(b"[]").is_err() && parse(b"{").is_err());
        assert!(parse(b" \n").unwrap().is_empty());
    }
}
