//! Points in time for `--since` and `--until`: `42m`, `2013-01-02T13:23:37Z`, `1136073600.5`.

use anyhow::{anyhow, bail};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Turns what a user typed into `seconds[.nanoseconds]` since 1970, which is what the Engine API takes.
///
/// A duration counts back from `now`; a time without an offset is in `zone`.
pub(crate) fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> anyhow::Result<String> {
    // A bare 0 is a duration to Go, but to Docker it is the beginning of time.
    if text != "0"
        && let Ok(ago) = super::duration::nanoseconds(text)
    {
        let at = now.checked_sub(jiff::SignedDuration::from_nanos(ago))?;
        return Ok(format!("{}.{:09}", at.as_second(), at.subsec_nanosecond()));
    }
    let separators = text.bytes().filter(|b| *b == b'-').count();
    if !text.contains(['T', ':']) && separators == 0 {
        return unix(text);
    }
    let at = if has_offset(text) {
        text.parse::<Timestamp>().map_err(|_| unreadable(text))?
    } else {
        civil(text).ok_or_else(|| unreadable(text))?.to_zoned(zone.clone())?.timestamp()
    };
    Ok(format!("{}.{:09}", at.as_second(), at.subsec_nanosecond()))
}

fn unreadable(text: &str) -> anyhow::Error {
    anyhow!("failed to parse value as time or duration: {text:?}")
}

fn unix(text: &str) -> anyhow::Result<String> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(seconds.strip_prefix('-').unwrap_or(seconds)) || !digits(fraction) {
        bail!("failed to parse value as time or duration: {text:?}");
    }
    Ok(text.to_owned())
}

/// Whether the time of day is followed by `Z` or `±hh:mm`.
fn has_offset(text: &str) -> bool {
    text.split_once('T').is_some_and(|(_, time)| time.ends_with('Z') || time.contains(['+', '-']))
}

fn civil(text: &str) -> Option<DateTime> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let padded = match text.split_once('T') {
        None => format!("{text}T00:00:00"),
        Some((date, time)) if time.contains(':') => match time.matches(':').count() {
            1 => format!("{date}T{time}:00"),
            _ => text.to_owned(),
        },
        Some((date, hour)) => format!("{date}T{hour}:00:00"),
    };
    padded.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_the_beginning_of_time() {
        assert_eq!(parse("0", Timestamp::now(), &TimeZone::UTC).unwrap(), "0");
    }

    #[test]
    fn every_form() {
        let now: Timestamp = "2024-01-02T00:00:00.5Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let cases = [
            ("1m", "1704153540.500000000"),
            ("0s", "1704153600.500000000"),
            ("1136073600", "1136073600"),
            ("1136073600.000000001", "1136073600.000000001"),
            ("2024-01-01T00:00:00Z", "1704067200.000000000"),
            ("2024-01-01T00:00:00.25Z", "1704067200.250000000"),
            ("2024-01-01T02:00:00+02:00", "1704067200.000000000"),
            ("2024-01-01T02:00:00", "1704067200.000000000"),
            ("2024-01-01T02:00", "1704067200.000000000"),
            ("2024-01-01T02", "1704067200.000000000"),
            ("2024-01-01", "1704060000.000000000"),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text, now, &zone).unwrap(), want, "{text}");
        }
        for text in ["x", "", "2024-13-01", "12:00", "1.x"] {
            assert!(parse(text, now, &zone).is_err(), "{text}");
        }
    }
}
