//! Values of options: out of the text of a flag, and as Docker prints them.

use super::options::Kind;
use serde_json::{Map, Value, json};

/// Reads the value of a flag. What is given many times is read one by one and joined by [`join`].
pub(super) fn parse(kind: Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Bool => boolean(text).map(Value::Bool),
        Kind::Int => text.parse::<i64>().map(Value::from).map_err(|_| format!("parsing {text:?}: invalid syntax")),
        Kind::Text => Ok(Value::from(text)),
        Kind::List => Ok(json!([text])),
        Kind::Map => {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            Ok(object(name, Value::from(value)))
        }
        Kind::Switches => {
            let (name, value) = text.split_once('=').unwrap_or((text, "true"));
            Ok(object(name, Value::Bool(boolean(value)?)))
        }
        Kind::Runtimes => match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok(object(name, json!({ "path": path }))),
            _ => Err(format!("invalid runtime: {text}, expected name=path")),
        },
        Kind::Pools => pool(text).map(|pool| json!([pool])),
        Kind::Ulimits => ulimit(text),
        Kind::NetworkOpts => {
            let (driver, rest) = text.split_once('=').ok_or_else(|| format!("invalid value {text}"))?;
            let (name, value) = rest.split_once('=').ok_or_else(|| format!("invalid value {text}"))?;
            Ok(object(driver, object(name, Value::from(value))))
        }
        Kind::Size => size(text).map(Value::from),
        Kind::Object => Err("only in the configuration file".to_owned()),
    }
}

fn object(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

/// Joins the values of an option given more than once: lists and objects grow, the last of anything else wins.
pub(super) fn join(old: Value, new: Value) -> Value {
    match (old, new) {
        (Value::Array(mut old), Value::Array(new)) => {
            old.extend(new);
            Value::Array(old)
        }
        (Value::Object(mut old), Value::Object(new)) => {
            for (name, value) in new {
                let value = match old.remove(&name) {
                    Some(before) => join(before, value),
                    None => value,
                };
                old.insert(name, value);
            }
            Value::Object(old)
        }
        (_, new) => new,
    }
}

/// A boolean as Go reads it.
fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("parsing {text:?}: invalid syntax")),
    }
}

fn pool(text: &str) -> Result<Value, String> {
    let (mut base, mut size) = (None, None);
    for field in text.split(',') {
        match field.split_once('=') {
            Some(("base", value)) => base = Some(value),
            Some(("size", value)) => {
                size = Some(value.parse::<u8>().map_err(|_| format!("invalid size value: {value}"))?)
            }
            Some((name, _)) => return Err(format!("unexpected key '{name}' in '{field}'")),
            None => return Err(format!("invalid field '{field}' must be a key=value pair")),
        }
    }
    match (base, size) {
        (Some(base), Some(size)) => Ok(json!({ "base": base, "size": size })),
        _ => Err(format!("invalid pool '{text}': base and size are needed")),
    }
}

fn ulimit(text: &str) -> Result<Value, String> {
    let invalid = || format!("invalid ulimit argument: {text}");
    let (name, values) = text.split_once('=').ok_or_else(invalid)?;
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let soft: i64 = soft.parse().map_err(|_| invalid())?;
    let hard: i64 = hard.parse().map_err(|_| invalid())?;
    if hard >= 0 && soft > hard {
        return Err(format!("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"));
    }
    Ok(object(name, json!({ "Name": name, "Hard": hard, "Soft": soft })))
}

/// Bytes, with units of 1024 as Docker reads them: `64M`, `1.5gb`, `10kib`.
pub(super) fn size(text: &str) -> Result<i64, String> {
    let invalid = || format!("invalid size: '{text}'");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| invalid())?;
    let unit = unit.trim_start().to_ascii_lowercase();
    let unit = unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit);
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return Err(invalid()),
    };
    #[allow(clippy::cast_precision_loss, reason = "powers of two are exact")]
    let bytes = number * (1_i64 << shift) as f64;
    // Nine exabytes, the most an i64 holds.
    if bytes > 9e18 {
        return Err(invalid());
    }
    #[allow(clippy::cast_possible_truncation, reason = "checked above; fractions of bytes are dropped")]
    Ok(bytes as i64)
}

/// A value as Go prints it: `[a b]`, `map[k:v]`.
pub(super) fn print(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(print).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let pairs: Vec<_> = map.iter().map(|(name, value)| format!("{name}:{}", print(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [("64M", 64 << 20), ("1.5gb", 3 << 29), ("10", 10), ("10KiB", 10240), ("5b", 5)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "x", "1x", "-1", "99999999p"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn structured_values() {
        assert_eq!(parse(Kind::Pools, "base=10.0.0.0/8,size=24"), Ok(json!([{"base": "10.0.0.0/8", "size": 24}])));
        assert!(parse(Kind::Pools, "base=10.0.0.0/8").is_err());
        let limit = json!({"nofile": {"Name": "nofile", "Hard": 2, "Soft": 1}});
        assert_eq!(parse(Kind::Ulimits, "nofile=1:2"), Ok(limit));
        assert!(parse(Kind::Ulimits, "nofile=3:2").is_err());
        assert_eq!(parse(Kind::Runtimes, "a=/b"), Ok(json!({"a": {"path": "/b"}})));
        assert_eq!(print(&json!({"a": ["b", 1], "c": true})), "map[a:[b 1] c:true]");
    }

    #[test]
    fn repeated_values_join() {
        assert_eq!(join(json!(["a"]), json!(["b"])), json!(["a", "b"]));
        assert_eq!(join(json!({"d": {"x": 1}}), json!({"d": {"y": 2}})), json!({"d": {"x": 1, "y": 2}}));
        assert_eq!(join(json!(1), json!(2)), json!(2));
    }
}
