//! `--filter key=value`.

use anyhow::bail;
use teu_api::filters::Filters;

/// One `key=value`, both sides trimmed, the key in lower case.
pub(crate) fn parse(text: &str) -> anyhow::Result<(String, String)> {
    let Some((key, value)) = text.split_once('=') else {
        bail!("bad format of filter (expected name=value)");
    };
    Ok((key.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

/// Groups what the flags gave.
pub(crate) fn group(pairs: &[(String, String)]) -> Filters {
    let mut filters = Filters::new();
    for (key, value) in pairs {
        filters.add(key.clone(), value.clone());
    }
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        assert_eq!(parse("Name = web").unwrap(), ("name".into(), "web".into()));
        assert_eq!(parse("label=a=b").unwrap(), ("label".into(), "a=b".into()));
        assert!(parse("x").is_err());
        let pairs = [("a", "1"), ("b", "2"), ("a", "3"), ("a", "1")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let filters = group(&pairs);
        assert_eq!(filters.to_json(), r#"{"a":{"1":true,"3":true},"b":{"2":true}}"#);
    }
}
