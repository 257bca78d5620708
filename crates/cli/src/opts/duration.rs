//! Durations in Go's notation: `1h30m`, `1.5s`, `300ms`.

use anyhow::{anyhow, bail};

const NANOS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3), // micro sign
    ("μs", 1e3), // Greek mu
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// Parses a duration, in nanoseconds.
pub(crate) fn nanoseconds(text: &str) -> anyhow::Result<i64> {
    let invalid = || anyhow!("time: invalid duration {text:?}");
    let (sign, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (-1.0, &text[1..]),
        Some(b'+') => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let split = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let value: f64 = rest[..split].parse().map_err(|_| invalid())?;
        rest = &rest[split..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = &rest[..end];
        if unit.is_empty() {
            bail!("time: missing unit in duration {text:?}");
        }
        let Some((_, scale)) = NANOS.iter().find(|(name, _)| *name == unit) else {
            bail!("time: unknown unit {unit:?} in duration {text:?}");
        };
        total += value * scale;
        rest = &rest[end..];
    }
    if total >= 9.2e18 {
        return Err(invalid());
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked against the range above")]
    Ok((sign * total).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_notation() {
        let cases = [
            ("0", 0),
            ("1ns", 1),
            ("300ms", 300_000_000),
            ("1.5s", 1_500_000_000),
            ("1h30m", 5_400_000_000_000),
            ("-2m", -120_000_000_000),
            ("2us", 2_000),
            ("2µs", 2_000),
        ];
        for (text, want) in cases {
            assert_eq!(nanoseconds(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn go_errors() {
        let cases = [
            ("x", r#"time: invalid duration "x""#),
            ("", r#"time: invalid duration """#),
            ("5", r#"time: missing unit in duration "5""#),
            ("5y", r#"time: unknown unit "y" in duration "5y""#),
            ("999999999h", r#"time: invalid duration "999999999h""#),
        ];
        for (text, want) in cases {
            assert_eq!(nanoseconds(text).unwrap_err().to_string(), want, "{text}");
        }
    }
}
