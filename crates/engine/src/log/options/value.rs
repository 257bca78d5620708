//! Values of options as Go's libraries read them, with their errors.

use std::time::Duration;

use super::Reason;

/// `10m` is ten million: what Docker takes for files.
pub(super) fn decimal_size(text: &str) -> Result<u64, Reason> {
    size(text, 1000)
}

/// `1m` is 1,048,576: what Docker takes for memory.
pub(crate) fn binary_size(text: &str) -> Result<u64, Reason> {
    size(text, 1024)
}

/// A number, perhaps with a fraction, and one of `b k m g t p` in either case, perhaps with `b` or `ib` after it.
fn size(text: &str, step: u128) -> Result<u64, Reason> {
    let invalid = || format!("invalid size: '{text}'");
    let end = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ').ok_or_else(invalid)?;
    let (number, suffix) = (text[..=end].trim_end_matches(' '), text[end + 1..].to_ascii_lowercase());
    let multiplier = multiplier(&suffix, step).ok_or_else(|| format!("invalid suffix: '{suffix}'"))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    // Further decimals are less than a byte.
    let fraction = fraction.get(..15).unwrap_or(fraction);
    let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| invalid())?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let bytes = digits.checked_mul(multiplier).map(|bytes| bytes / scale);
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).ok_or_else(invalid)
}

fn multiplier(suffix: &str, step: u128) -> Option<u128> {
    let mut letters = suffix.chars();
    let power = match letters.next() {
        None => return Some(1),
        Some('b') => return (suffix == "b").then_some(1),
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        Some('p') => 5,
        Some(_) => return None,
    };
    matches!(letters.as_str(), "" | "b" | "ib").then(|| step.pow(power))
}

/// What `strconv.ParseBool` takes.
pub(super) fn boolean(text: &str) -> Result<bool, Reason> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}

/// What `strconv.Atoi` takes.
pub(super) fn integer(text: &str) -> Result<i64, Reason> {
    text.parse().map_err(|error| number_error("Atoi", text, &error))
}

/// What `strconv.ParseUint` takes, up to `max`.
pub(super) fn unsigned(text: &str, max: u64) -> Result<u64, Reason> {
    let number = text.parse::<u64>().map_err(|error| number_error("ParseUint", text, &error))?;
    if number > max {
        return Err(format!("strconv.ParseUint: parsing {text:?}: value out of range"));
    }
    Ok(number)
}

fn number_error(function: &str, text: &str, error: &std::num::ParseIntError) -> Reason {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    let what = if matches!(error.kind(), PosOverflow | NegOverflow) { "value out of range" } else { "invalid syntax" };
    format!("strconv.{function}: parsing {text:?}: {what}")
}

/// What `time.ParseDuration` takes and can be represented: `1.5h`, `300ms`, `1m30s`, `0`. None for less than nothing.
pub(super) fn duration(text: &str) -> Result<Option<Duration>, Reason> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Some(Duration::ZERO));
    }
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        if digits == 0 {
            return Err(invalid());
        }
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            other => return Err(format!("time: unknown unit {other:?} in duration {text:?}")),
        };
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let part = Duration::try_from_secs_f64(number * unit).map_err(|_| invalid())?;
        sum = sum.checked_add(part).ok_or_else(invalid)?;
        rest = after;
    }
    Ok(if negative && !sum.is_zero() { None } else { Some(sum) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, decimal, binary) in [
            ("10m", 10_000_000, 10 << 20),
            ("1.5K", 1500, 1536),
            ("20MB", 20_000_000, 20 << 20),
            ("2 GiB", 2_000_000_000, 2 << 30),
            ("7", 7, 7),
            ("0", 0, 0),
        ] {
            assert_eq!((decimal_size(text), binary_size(text)), (Ok(decimal), Ok(binary)), "{text}");
        }
        for bad in ["x", "", "-1", "1.2.3m", "99999999999999999999"] {
            assert_eq!(decimal_size(bad), Err(format!("invalid size: '{bad}'")));
        }
        assert_eq!(decimal_size("1mx"), Err("invalid suffix: 'mx'".to_owned()));
    }

    #[test]
    fn durations() {
        assert_eq!(duration("1m30.5s"), Ok(Some(Duration::from_millis(90_500))));
        assert_eq!(duration("300ms"), Ok(Some(Duration::from_millis(300))));
        assert_eq!((duration("0"), duration("-1s")), (Ok(Some(Duration::ZERO)), Ok(None)));
        assert_eq!(duration("5").unwrap_err(), "time: missing unit in duration \"5\"");
        assert_eq!(duration("x").unwrap_err(), "time: invalid duration \"x\"");
        assert_eq!(duration("5y").unwrap_err(), "time: unknown unit \"y\" in duration \"5y\"");
    }
}
