//! v2: pressure stall information.

use super::file::Dir;
use super::{Pressure, PressureLine, Result};

/// Reads a pressure file; `None` if the kernel has it turned off.
pub(super) fn read(dir: Dir<'_>, name: &str) -> Result<Option<Pressure>> {
    Ok(dir.read_optional(name)?.map(|text| parse(&text)))
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and the same with `full`.
pub(super) fn parse(text: &str) -> Pressure {
    let mut pressure = Pressure::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("some") => pressure.some = parse_line(words),
            Some("full") => pressure.full = parse_line(words),
            _ => {}
        }
    }
    pressure
}

fn parse_line<'a>(words: impl Iterator<Item = &'a str>) -> PressureLine {
    let mut line = PressureLine::default();
    for (key, value) in words.filter_map(|word| word.split_once('=')) {
        match key {
            "avg10" => line.avg10 = hundredths(value),
            "avg60" => line.avg60 = hundredths(value),
            "avg300" => line.avg300 = hundredths(value),
            "total" => line.total = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    line
}

/// `12.34` as 1234: the kernel writes exactly two decimals.
fn hundredths(value: &str) -> u32 {
    let (whole, part) = value.split_once('.').unwrap_or((value, "0"));
    whole.parse::<u32>().unwrap_or(0).saturating_mul(100).saturating_add(part.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_both_lines() {
        let text =
            "some avg10=1.20 avg60=0.05 avg300=100.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n";
        let pressure = parse(text);
        assert_eq!(pressure.some, PressureLine { avg10: 120, avg60: 5, avg300: 10_000, total: 77 });
        assert_eq!(pressure.full.total, 3);
    }
}
