//! Numbers as Go's `strconv` reads them, with its words for what is wrong.

use anyhow::{anyhow, bail};

/// A truth value: `1 t T true TRUE True` and their opposites, nothing else.
pub(crate) fn boolean(text: &str) -> anyhow::Result<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => bail!("strconv.ParseBool: parsing {text:?}: invalid syntax"),
    }
}

/// A signed number in decimal, or with a prefix `0x`, `0o`, `0b`.
pub(crate) fn int(text: &str) -> anyhow::Result<i64> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = magnitude(digits).map_err(|problem| anyhow!("strconv.ParseInt: parsing {text:?}: {problem}"))?;
    let value = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
    i64::try_from(value).map_err(|_| anyhow!("strconv.ParseInt: parsing {text:?}: {}", Problem::Range))
}

/// A number from 0 to `u64::MAX`, written as in [`int`].
pub(crate) fn uint(text: &str) -> anyhow::Result<u64> {
    magnitude(text).map_err(|problem| anyhow!("strconv.ParseUint: parsing {text:?}: {problem}"))
}

/// A number from 0 to 65535, written as in [`int`].
pub(crate) fn uint16(text: &str) -> anyhow::Result<u16> {
    let value = uint(text)?;
    u16::try_from(value).map_err(|_| anyhow!("strconv.ParseUint: parsing {text:?}: {}", Problem::Range))
}

/// A number of CPUs (`1.5`, `3/2`) in billionths.
///
/// # Errors
/// More than nine decimals cannot be kept and are refused rather than rounded.
pub(crate) fn nano_cpus(text: &str) -> anyhow::Result<i64> {
    const NANO: i128 = 1_000_000_000;
    let bad = || anyhow!("failed to parse {text} as a rational number");
    let (numerator, denominator) = rational(text).ok_or_else(bad)?;
    let scaled = numerator.checked_mul(NANO).ok_or_else(bad)?;
    if scaled % denominator != 0 {
        bail!("value is too precise");
    }
    i64::try_from(scaled / denominator).map_err(|_| bad())
}

/// What is wrong with a number.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("invalid syntax")]
    Syntax,
    #[error("value out of range")]
    Range,
}

fn magnitude(text: &str) -> Result<u64, Problem> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    if digits.is_empty() || digits.starts_with('+') {
        return Err(Problem::Syntax);
    }
    u64::from_str_radix(digits, radix).map_err(|error| match error.kind() {
        std::num::IntErrorKind::PosOverflow => Problem::Range,
        _ => Problem::Syntax,
    })
}

/// A fraction `a/b` or a decimal with optional exponent, as numerator and positive denominator.
fn rational(text: &str) -> Option<(i128, i128)> {
    if let Some((numerator, denominator)) = text.split_once('/') {
        let denominator: i128 = denominator.parse().ok().filter(|d| *d > 0)?;
        return Some((numerator.parse().ok()?, denominator));
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let power = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let scale = 10i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 { Some((digits.checked_mul(scale)?, 1)) } else { Some((digits, scale)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for (text, want) in [("0", 0), ("-1", -1), ("+7", 7), ("0x10", 16), ("010", 8), ("0b11", 3), ("1000", 1000)] {
            assert_eq!(int(text).unwrap(), want, "{text}");
        }
        assert_eq!(int("x").unwrap_err().to_string(), r#"strconv.ParseInt: parsing "x": invalid syntax"#);
        assert_eq!(
            int("9223372036854775808").unwrap_err().to_string(),
            r#"strconv.ParseInt: parsing "9223372036854775808": value out of range"#
        );
        assert_eq!(int("-9223372036854775808").unwrap(), i64::MIN);
        assert_eq!(
            uint16("70000").unwrap_err().to_string(),
            r#"strconv.ParseUint: parsing "70000": value out of range"#
        );
        assert!(uint("-1").is_err());
        assert!(int("--1").is_err());
    }

    #[test]
    fn booleans() {
        assert!(boolean("T").unwrap());
        assert!(!boolean("0").unwrap());
        assert_eq!(boolean("maybe").unwrap_err().to_string(), r#"strconv.ParseBool: parsing "maybe": invalid syntax"#);
    }

    #[test]
    fn cpus() {
        let cases = [
            ("1.5", 1_500_000_000),
            ("0.05", 50_000_000),
            ("3/2", 1_500_000_000),
            ("2", 2_000_000_000),
            (".5", 500_000_000),
            ("1e-3", 1_000_000),
        ];
        for (text, want) in cases {
            assert_eq!(nano_cpus(text).unwrap(), want, "{text}");
        }
        assert_eq!(nano_cpus("0.0000000001").unwrap_err().to_string(), "value is too precise");
        assert_eq!(nano_cpus("abc").unwrap_err().to_string(), "failed to parse abc as a rational number");
        assert!(nano_cpus("1e99").is_err());
    }
}
