//! Times as Docker's API takes and gives them.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::Error;

/// The time that stands for "never".
pub(crate) const NEVER: &str = "0001-01-01T00:00:00Z";

/// Reads a time: seconds since 1970 with up to nine decimals, RFC 3339, a date with or without a time of day in the zone of
/// this machine, or a duration before now (`10m`). Empty and `0` mean none.
pub(crate) fn parse(text: &str) -> Result<Option<Timestamp>, Error> {
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    let found = seconds(text).or_else(|| text.parse().ok()).or_else(|| before_now(text)).or_else(|| civil(text));
    found.map(Some).ok_or_else(|| Error::Invalid(format!("invalid time {text:?}: neither seconds nor RFC 3339")))
}

/// `1700000000.123456789`
fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 9 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: i32 = format!("{decimals:0<9}").parse().ok()?;
    Timestamp::new(whole.parse().ok()?, nanos).ok()
}

fn before_now(text: &str) -> Option<Timestamp> {
    Timestamp::now().checked_sub(text.parse::<Span>().ok()?).ok()
}

/// `2024-05-06`, `2024-05-06T07`, `2024-05-06T07:08`, `2024-05-06T07:08:09.1`
fn civil(text: &str) -> Option<Timestamp> {
    let time: jiff::civil::DateTime = text.parse().ok()?;
    Some(time.to_zoned(TimeZone::system()).ok()?.timestamp())
}

/// A time as inspect shows it; what never happened is Go's zero time.
pub(crate) fn show(time: Option<Timestamp>) -> String {
    time.map_or_else(|| NEVER.to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn forms() {
        let time = |text| parse(text).expect("a time").map(|t| t.to_string());
        assert_eq!(time(""), None);
        assert_eq!(time("0"), None);
        assert_eq!(time("1700000000").as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(time("1700000000.5").as_deref(), Some("2023-11-14T22:13:20.5Z"));
        assert_eq!(time("2023-11-14T22:13:20.000000001Z").as_deref(), Some("2023-11-14T22:13:20.000000001Z"));
        assert_eq!(time("2023-11-14T23:13:20+01:00").as_deref(), Some("2023-11-14T22:13:20Z"));
        assert!(time("10m").is_some() && time("1h30m").is_some());
        assert!(time("2023-11-14").is_some() && time("2023-11-14T10:05").is_some());
        assert!(parse("yesterday").is_err());
        assert!(parse("1.2.3").is_err());
    }
}
