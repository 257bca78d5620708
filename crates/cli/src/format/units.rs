//! Sizes and durations for people, exactly as go-units writes them.

/// Units that are powers of 1000.
const DECIMAL: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
/// Units that are powers of 1024.
const BINARY: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/// A size in powers of 1000 with three significant digits: `4.26MB`.
pub(crate) fn human_size(bytes: i64) -> String {
    scaled(bytes, 1000.0, &DECIMAL, 3)
}

/// A size in powers of 1000 with four significant digits: `4.263MB`.
pub(crate) fn human_size_4(bytes: i64) -> String {
    scaled(bytes, 1000.0, &DECIMAL, 4)
}

/// A size in powers of 1024 with four significant digits: `23.47GiB`.
pub(crate) fn binary_size(bytes: i64) -> String {
    scaled(bytes, 1024.0, &BINARY, 4)
}

#[expect(clippy::cast_precision_loss, reason = "only a few digits are shown")]
fn scaled(bytes: i64, base: f64, units: &[&str; 9], digits: usize) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= base && unit < units.len() - 1 {
        value /= base;
        unit += 1;
    }
    format!("{}{}", general(value, digits), units[unit])
}

/// C's `%.{digits}g`: so many significant digits, no trailing zeros, an exponent when the number has more digits.
pub(crate) fn general(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || usize::try_from(exponent).is_ok_and(|exponent| exponent >= digits) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.abs());
    }
    let decimals = usize::try_from(i32::try_from(digits).unwrap_or(i32::MAX) - 1 - exponent).unwrap_or(0);
    trim_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn trim_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// How long something lasted, in words: `About a minute`, `3 weeks`.
pub(crate) fn human_duration(seconds: i64) -> String {
    let minutes = seconds / 60;
    // Rounded, unlike the rest.
    let hours = (seconds + 1800) / 3600;
    match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

/// [`human_duration`] since `then`; both in seconds since 1970.
pub(crate) fn ago(then: i64, now: i64) -> String {
    format!("{} ago", human_duration(now - then))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_go_units() {
        let cases = [
            (0, "0B"),
            (72, "72B"),
            (999, "999B"),
            (1000, "1kB"),
            (1024, "1.02kB"),
            (4_261_550, "4.26MB"),
            (100_000_000, "100MB"),
            (999_900_000, "1e+03MB"),
            (1_000_000_000, "1GB"),
            (117_000_000_000, "117GB"),
        ];
        for (bytes, want) in cases {
            assert_eq!(human_size(bytes), want, "{bytes}");
        }
        assert_eq!(human_size_4(4_261_550), "4.262MB");
        assert_eq!(binary_size(25_202_753_536), "23.47GiB");
        assert_eq!(binary_size(512), "512B");
    }

    #[test]
    fn durations_as_go_units() {
        let (hour, day) = (3600, 86400);
        let cases = [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (59 * 60, "59 minutes"),
            (hour, "About an hour"),
            (hour + 1799, "About an hour"),
            (hour + 1800, "2 hours"),
            (47 * hour, "47 hours"),
            (2 * day, "2 days"),
            (13 * day, "13 days"),
            (14 * day, "2 weeks"),
            (59 * day, "8 weeks"),
            (60 * day, "2 months"),
            (729 * day, "24 months"),
            (730 * day, "2 years"),
        ];
        for (seconds, want) in cases {
            assert_eq!(human_duration(seconds), want, "{seconds}");
        }
    }

    #[test]
    fn general_format() {
        for (value, digits, want) in
            [(1.5, 3, "1.5"), (0.05, 3, "0.05"), (0.00001, 3, "1e-05"), (123_456.0, 3, "1.23e+05"), (99.96, 3, "100")]
        {
            assert_eq!(general(value, digits), want);
        }
    }
}
