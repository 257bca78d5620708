//! Times as Docker prints them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Go's default layout in the caller's time zone: `2006-01-02 15:04:05 -0700 MST`.
pub(crate) fn created_at(seconds: i64) -> String {
    local(seconds, 0).map_or_else(String::new, |time| time.strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string())
}

/// RFC 3339 in the caller's time zone: `2006-01-02T15:04:05-07:00`.
pub(crate) fn rfc3339(seconds: i64) -> String {
    local(seconds, 0).map_or_else(String::new, |time| with_offset(&time, "%Y-%m-%dT%H:%M:%S"))
}

/// RFC 3339 with nine decimals, in the caller's time zone, as `events` prints it.
pub(crate) fn rfc3339_nanos(seconds: i64, nanos: i64) -> String {
    let time = if nanos == 0 {
        local(seconds, 0)
    } else {
        local(nanos.div_euclid(1_000_000_000), i32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0))
    };
    time.map_or_else(String::new, |time| with_offset(&time, "%Y-%m-%dT%H:%M:%S.%9f"))
}

/// Go's `time.ANSIC`, as `version` prints when something was built; text that is no time stays as it is.
pub(crate) fn ansic(text: &str) -> String {
    seconds(text).map_or_else(|| text.to_owned(), ansic_seconds)
}

/// As [`ansic`], for a time in seconds since 1970.
pub(crate) fn ansic_seconds(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).map(|time| time.to_zoned(TimeZone::UTC));
    time.map_or_else(|_| String::new(), |time| time.strftime("%a %b %e %H:%M:%S %Y").to_string())
}

/// Go's default layout of a time that came as RFC 3339, in its own offset: `2006-01-02 15:04:05.999999999 +0000 UTC`.
pub(crate) fn go_utc(text: &str) -> String {
    let Ok(time) = text.parse::<Timestamp>() else { return text.to_owned() };
    let fraction = format!("{:09}", time.subsec_nanosecond());
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let whole = time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string();
    format!("{whole}{point}{fraction} +0000 UTC")
}

/// A time that came as RFC 3339, in seconds since 1970.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    Some(text.parse::<Timestamp>().ok()?.as_second())
}

/// The present, in seconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}

fn local(seconds: i64, nanos: i32) -> Option<Zoned> {
    Some(Timestamp::new(seconds, nanos).ok()?.to_zoned(zone()))
}

/// The caller's time zone.
pub(crate) fn zone() -> TimeZone {
    TimeZone::system()
}

/// Go writes an offset of zero as `Z`.
fn with_offset(time: &Zoned, layout: &str) -> String {
    let offset = if time.offset().is_zero() { "Z".to_owned() } else { time.strftime("%:z").to_string() };
    format!("{}{offset}", time.strftime(layout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        let time = Timestamp::from_second(1_136_214_245).unwrap().to_zoned(TimeZone::fixed(jiff::tz::offset(-7)));
        assert_eq!(with_offset(&time, "%Y-%m-%dT%H:%M:%S"), "2006-01-02T08:04:05-07:00");
        assert_eq!(ansic("2025-05-30T12:07:14.000000000+00:00"), "Fri May 30 12:07:14 2025");
        assert_eq!(ansic("x"), "x");
    }
}
