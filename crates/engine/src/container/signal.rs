//! Signals by name and number, as Docker takes them.

use crate::Error;

/// `SIGKILL`.
pub(crate) const KILL: i32 = 9;
/// `SIGTERM`.
pub(crate) const TERM: i32 = 15;
/// The last real-time signal (Linux on all architectures that Teu runs on).
const LAST: i32 = 64;
/// The first real-time signal that glibc leaves to programs.
const RTMIN: i32 = 34;

/// Names without `SIG`, by number (x86 and ARM).
const NAMES: &[(&str, i32)] = &[
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", KILL),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", TERM),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
];

/// Reads `SIGHUP`, `hup`, `1`, `SIGRTMIN+3`.
pub(crate) fn parse(text: &str) -> Result<i32, Error> {
    let invalid = || Error::Invalid(format!("invalid signal: {text}"));
    if let Ok(number) = text.parse::<i32>() {
        return if (1..=LAST).contains(&number) { Ok(number) } else { Err(invalid()) };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let found = NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    found.or_else(|| real_time(name)).ok_or_else(invalid)
}

/// `RTMIN`, `RTMIN+n`, `RTMAX`, `RTMAX-n`.
fn real_time(name: &str) -> Option<i32> {
    let number = if let Some(rest) = name.strip_prefix("RTMIN") {
        RTMIN + if rest.is_empty() { 0 } else { rest.strip_prefix('+')?.parse::<i32>().ok()? }
    } else {
        let rest = name.strip_prefix("RTMAX")?;
        LAST - if rest.is_empty() { 0 } else { rest.strip_prefix('-')?.parse::<i32>().ok()? }
    };
    (RTMIN..=LAST).contains(&number).then_some(number)
}

/// The number of a container's stop signal; `SIGTERM` if it names none.
pub(crate) fn number_of(stop_signal: &str) -> i32 {
    if stop_signal.is_empty() { TERM } else { parse(stop_signal).unwrap_or(TERM) }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn names_and_numbers() {
        for (text, number) in
            [("SIGKILL", 9), ("kill", 9), ("9", 9), ("HUP", 1), ("SIGRTMIN+3", 37), ("rtmax-1", 63), ("64", 64)]
        {
            assert_eq!(parse(text).expect(text), number);
        }
        for text in ["", "SIG", "0", "65", "-1", "BOOT", "SIGRTMIN-1", "RTMAX+1", "RTMIN+31"] {
            assert_eq!(parse(text).expect_err(text).to_string(), format!("invalid signal: {text}"));
        }
    }
}
