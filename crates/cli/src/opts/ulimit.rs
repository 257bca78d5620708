//! `--ulimit nofile=1024:2048`.

use anyhow::{anyhow, bail};
use teu_api::container::Ulimit;

const NAMES: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// Parses `name=soft[:hard]`.
pub(crate) fn parse(text: &str) -> anyhow::Result<Ulimit> {
    let Some((name, limits)) = text.split_once('=') else {
        bail!("invalid ulimit argument: {text}");
    };
    if !NAMES.contains(&name) {
        bail!("invalid ulimit type: {name}");
    }
    let mut parts = limits.split(':');
    let soft = number(parts.next().unwrap_or_default())?;
    let hard = parts.next().map(number).transpose()?;
    if parts.next().is_some() {
        bail!("too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`");
    }
    let hard = match hard {
        None => soft,
        Some(hard) if hard != -1 && soft == -1 => {
            bail!("ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: {hard}")
        }
        Some(hard) if hard != -1 && soft > hard => {
            bail!("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")
        }
        Some(hard) => hard,
    };
    Ok(Ulimit { name: name.to_owned(), soft, hard })
}

fn number(text: &str) -> anyhow::Result<i64> {
    text.parse().map_err(|_| anyhow!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(parse("nofile=1024:2048").unwrap(), Ulimit { name: "nofile".into(), soft: 1024, hard: 2048 });
        assert_eq!(parse("nproc=5").unwrap(), Ulimit { name: "nproc".into(), soft: 5, hard: 5 });
        assert_eq!(parse("core=-1").unwrap(), Ulimit { name: "core".into(), soft: -1, hard: -1 });
        let errors = [
            ("x", "invalid ulimit argument: x"),
            ("foo=1", "invalid ulimit type: foo"),
            ("nofile=a", r#"strconv.ParseInt: parsing "a": invalid syntax"#),
            ("nofile=2:1", "ulimit soft limit must be less than or equal to hard limit: 2 > 1"),
            ("nofile=1:2:3", "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`"),
        ];
        for (text, want) in errors {
            assert_eq!(parse(text).unwrap_err().to_string(), want);
        }
    }
}
