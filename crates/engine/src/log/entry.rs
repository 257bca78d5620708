//! An entry of a log, in whichever format it is stored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;

/// Which of a process' streams an entry came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

impl Output {
    /// As log drivers name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Output::Stdout => "stdout",
            Output::Stderr => "stderr",
        }
    }
}

/// An entry of a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// What was written, without the line's end: a line or a part of a long one.
    pub(crate) text: Cow<'a, [u8]>,
    /// Whether a line ends here.
    pub(crate) ends: bool,
    pub(crate) output: Output,
    pub(crate) time: Time<'a>,
    /// Labels and variables that the log options ask for.
    pub(crate) attrs: BTreeMap<String, String>,
    /// Which part of a line it is, if that was cut and the format tells.
    pub(crate) part: Option<Part<'a>>,
}

/// When an entry was written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Time<'a> {
    /// RFC 3339 with as many decimals as it takes.
    Text(Cow<'a, str>),
    /// Nanoseconds since the epoch.
    Nanos(i64),
}

/// A part of a line that was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Part<'a> {
    /// The same for all parts of a line.
    pub(crate) id: &'a str,
    /// Counted from one.
    pub(crate) ordinal: u64,
    pub(crate) last: bool,
}

impl Entry<'_> {
    /// When it was written.
    pub(crate) fn timestamp(&self) -> Option<Timestamp> {
        match &self.time {
            Time::Text(text) => text.parse().ok(),
            Time::Nanos(nanos) => Timestamp::from_nanosecond((*nanos).into()).ok(),
        }
    }

    /// Its time with nine decimals, as `logs --timestamps` shows it.
    pub(crate) fn push_time(&self, out: &mut Vec<u8>) {
        match &self.time {
            Time::Text(text) => push_decimals(text.as_bytes(), out),
            Time::Nanos(_) => {
                push_decimals(self.timestamp().unwrap_or_default().to_string().as_bytes(), out);
            }
        }
    }

    /// Its details, sorted, as `logs --details` shows them.
    pub(crate) fn push_details(&self, out: &mut Vec<u8>) {
        for (i, (key, value)) in self.attrs.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key.as_bytes());
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
        }
    }
}

/// RFC 3339 in UTC with nine decimals, from one with any number of them.
fn push_decimals(time: &[u8], out: &mut Vec<u8>) {
    let seconds = time.iter().position(|&b| b == b'.' || b == b'Z').unwrap_or(time.len());
    let decimals: &[u8] = match time.get(seconds) {
        Some(b'.') => time[seconds + 1..].split(|b| !b.is_ascii_digit()).next().unwrap_or(&[]),
        _ => &[],
    };
    out.extend_from_slice(&time[..seconds]);
    out.push(b'.');
    out.extend_from_slice(&decimals[..decimals.len().min(9)]);
    out.extend(std::iter::repeat_n(b'0', 9usize.saturating_sub(decimals.len())));
    out.extend_from_slice(b"Z");
}

#[cfg(test)]
mod tests {
    use super::super::format::Format;

    #[test]
    fn nine_decimals() {
        for (stored, shown) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000000Z"),
            ("2026-01-02T03:04:05.12Z", "2026-01-02T03:04:05.120000000Z"),
            ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456789Z"),
        ] {
            let line = format!("{{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"{stored}\"}}\n");
            let mut out = Vec::new();
            Format::Json.entries(line.as_bytes()).next().expect("an entry").push_time(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), shown);
        }
    }
}
