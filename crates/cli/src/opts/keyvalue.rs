//! `key=value` lists and the comma-separated records built from them.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};

/// `["a=1", "b"]` as `{a: 1, b: ""}`; the last of equal keys wins.
pub(crate) fn map(pairs: &[String]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key.to_owned(), value.to_owned())
        })
        .collect()
}

/// A label `key[=value]`.
pub(crate) fn label(text: &str) -> anyhow::Result<String> {
    let key = text.split('=').next().unwrap_or_default().trim();
    if key.is_empty() {
        bail!("invalid label '{text}': empty name");
    }
    if key.contains(char::is_whitespace) {
        bail!("label '{key}' contains whitespaces");
    }
    Ok(text.to_owned())
}

/// A kernel parameter `net.ipv4.ip_forward=1`, restricted to those that are namespaced.
pub(crate) fn sysctl(text: &str) -> anyhow::Result<String> {
    const ALLOWED: [&str; 8] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    let allowed = text
        .split_once('=')
        .is_some_and(|(key, _)| ALLOWED.contains(&key) || key.starts_with("net.") || key.starts_with("fs.mqueue."));
    if allowed { Ok(text.to_owned()) } else { bail!("sysctl '{text}' is not allowed") }
}

/// `[alias:]container:alias`, as the link to `container` under `alias`.
pub(crate) fn link(text: &str) -> anyhow::Result<String> {
    if text.is_empty() {
        bail!("empty string specified for links");
    }
    if text.split(':').count() > 2 {
        bail!("bad format for links: {text}");
    }
    Ok(text.to_owned())
}

/// One of the streams to attach, in lower case.
pub(crate) fn stream(text: &str) -> anyhow::Result<String> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "stdin" | "stdout" | "stderr" => Ok(lower),
        _ => bail!("valid streams are STDIN, STDOUT and STDERR"),
    }
}

/// Splits one comma-separated record (RFC 4180: fields may be quoted, a doubled quote stands for itself).
pub(crate) fn record(text: &str) -> anyhow::Result<Vec<String>> {
    let bare = |column: usize| anyhow!("parse error on line 1, column {column}: bare \" in non-quoted-field");
    if text.is_empty() {
        bail!("EOF");
    }
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, remainder) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted).ok_or_else(|| {
                let column = text.len() + 1;
                anyhow!("parse error on line 1, column {column}: extraneous or missing \" in quoted-field")
            })?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                if let Some(at) = rest[..end].find('"') {
                    return Err(bare(text.len() - rest.len() + at + 1));
                }
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match remainder.strip_prefix(',') {
            Some(next) => rest = next,
            None if remainder.is_empty() => return Ok(fields),
            None => return Err(bare(text.len() - remainder.len())),
        }
    }
}

/// The field after its opening quote, and what follows the closing one; `None` when there is none.
fn quoted_field(mut rest: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    loop {
        let quote = rest.find('"')?;
        field.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Some((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        assert_eq!(record("type=bind,src=/a,ro").unwrap(), ["type=bind", "src=/a", "ro"]);
        assert_eq!(record(r#"type=volume,"volume-opt=o=a,b",x"#).unwrap(), ["type=volume", "volume-opt=o=a,b", "x"]);
        assert_eq!(record(r#""a""b""#).unwrap(), [r#"a"b"#]);
        assert_eq!(record("a,").unwrap(), ["a", ""]);
        assert!(record(r#"a"b"#).is_err());
        assert!(record(r#""a"#).is_err());
        assert!(record(r#""a"b"#).is_err());
    }

    #[test]
    fn maps_and_labels() {
        let pairs = ["a=1", "b", "c=d=e", "a=2"].map(str::to_owned);
        let want = [("a", "2"), ("b", ""), ("c", "d=e")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(map(&pairs), BTreeMap::from(want));
        assert_eq!(label("=x").unwrap_err().to_string(), "invalid label '=x': empty name");
        assert!(label("a b=c").is_err());
        assert!(label("com.example=a b").is_ok());
    }

    #[test]
    fn sysctls_are_namespaced_ones() {
        assert!(sysctl("net.core.somaxconn=1").is_ok());
        assert!(sysctl("kernel.sem=1").is_ok());
        assert_eq!(sysctl("vm.swappiness=1").unwrap_err().to_string(), "sysctl 'vm.swappiness=1' is not allowed");
        assert!(sysctl("net.core.somaxconn").is_err());
    }

    #[test]
    fn links_and_streams() {
        assert!(link("a").is_ok() && link("a:b").is_ok());
        assert_eq!(link("a:b:c").unwrap_err().to_string(), "bad format for links: a:b:c");
        assert_eq!(stream("STDIN").unwrap(), "stdin");
        assert!(stream("foo").is_err());
    }
}
