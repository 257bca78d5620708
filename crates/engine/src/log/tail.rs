//! Where the last lines of a file begin.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// How much is read at once, from the end towards the beginning.
const STEP: u64 = 64 << 10;

/// The offset at which the last `lines` complete lines before `end` begin, and how many lines there are if fewer.
pub(super) fn offset(file: &File, end: u64, lines: usize) -> io::Result<(u64, usize)> {
    let mut buffer = vec![0; usize::try_from(STEP).unwrap_or(usize::MAX)];
    let mut at = end;
    // A line ends with a line feed; the one that ends the wanted part begins no line in it.
    let mut ends = 0;
    while at > 0 {
        let from = at.saturating_sub(STEP);
        let part = &mut buffer[..usize::try_from(at - from).unwrap_or(0)];
        file.read_exact_at(part, from)?;
        for (i, _) in part.iter().enumerate().rev().filter(|(_, b)| **b == b'\n') {
            if ends == lines {
                return Ok((from + i as u64 + 1, lines));
            }
            ends += 1;
        }
        at = from;
    }
    Ok((0, ends))
}

/// The same within memory.
pub(super) fn offset_in(content: &[u8], lines: usize) -> (usize, usize) {
    let mut ends = 0;
    for (i, _) in content.iter().enumerate().rev().filter(|(_, b)| **b == b'\n') {
        if ends == lines {
            return (i + 1, lines);
        }
        ends += 1;
    }
    (0, ends)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{offset, offset_in};

    fn check(content: &str, lines: usize, expected: &str, found: usize) {
        assert_eq!(offset_in(content.as_bytes(), lines), (content.len() - expected.len(), found));
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(content.as_bytes()).expect("written");
        let (at, count) = offset(&file, content.len() as u64, lines).expect("read");
        assert_eq!((&content[usize::try_from(at).expect("small")..], count), (expected, found));
    }

    #[test]
    fn last_lines() {
        check("a\nb\nc\n", 2, "b\nc\n", 2);
        check("a\nb\nc\n", 3, "a\nb\nc\n", 3);
        check("a\nb\nc\n", 9, "a\nb\nc\n", 3);
        check("a\nb\nc\n", 0, "", 0);
        check("", 5, "", 0);
        let long = "x".repeat(100_000);
        check(&format!("{long}\n{long}\nend\n"), 2, &format!("{long}\nend\n"), 2);
    }
}
