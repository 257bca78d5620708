//! Where the last entries of a file begin.

use std::collections::VecDeque;
use std::io;

use memchr::memrchr_iter;

use super::files::LogFile;
use super::format::Format;

/// How much is read at once.
const STEP: usize = 128 << 10;
/// Going back entry by entry costs system calls; for more than so many, the whole file is read instead.
const BACKWARDS: usize = 10_000;

/// The offset at which the last `lines` complete entries begin, and how many there are if fewer.
pub(super) fn offset(file: &mut LogFile, format: Format, lines: usize) -> io::Result<(u64, usize)> {
    match format {
        _ if file.is_compressed() => forwards(file, format, lines),
        Format::Json => line_by_line(file, lines),
        Format::Local if lines > BACKWARDS => forwards(file, format, lines),
        Format::Local => match entry_by_entry(file, lines)? {
            Some(found) => Ok(found),
            None => forwards(file, format, lines),
        },
    }
}

/// From the end, by line ends.
fn line_by_line(file: &mut LogFile, lines: usize) -> io::Result<(u64, usize)> {
    let mut buffer = vec![0; STEP];
    let mut at = file.size()?;
    // A line ends with a line feed; the one that ends the wanted part begins no line in it.
    let mut ends = 0;
    while at > 0 {
        let from = at.saturating_sub(STEP as u64);
        let part = &mut buffer[..usize::try_from(at - from).unwrap_or(0)];
        let read = file.read_at(part, from)?;
        for i in memrchr_iter(b'\n', &part[..read]) {
            if ends == lines {
                return Ok((from + i as u64 + 1, lines));
            }
            ends += 1;
        }
        at = from;
    }
    Ok((0, ends))
}

/// From the end, by the length after each entry. None if the end is no entry: it may be being written.
fn entry_by_entry(file: &mut LogFile, lines: usize) -> io::Result<Option<(u64, usize)>> {
    let mut end = file.size()?;
    for found in 0..lines {
        if end == 0 {
            return Ok(Some((0, found)));
        }
        let Some(begin) = entry_before(file, end)? else { return Ok(None) };
        end = begin;
    }
    Ok(Some((end, lines)))
}

fn entry_before(file: &mut LogFile, end: u64) -> io::Result<Option<u64>> {
    let (mut tail, mut head) = ([0; 4], [0; 4]);
    let Some(at) = end.checked_sub(4) else { return Ok(None) };
    file.read_at(&mut tail, at)?;
    let len = u64::from(u32::from_be_bytes(tail)) + 8;
    let Some(begin) = end.checked_sub(len) else { return Ok(None) };
    file.read_at(&mut head, begin)?;
    Ok((head == tail && head != [0; 4]).then_some(begin))
}

/// From the beginning, as compressed files can be read only.
fn forwards(file: &mut LogFile, format: Format, lines: usize) -> io::Result<(u64, usize)> {
    let mut begins = VecDeque::new();
    let (mut offset, mut step) = (0, STEP);
    loop {
        let mut content = vec![0; step];
        let read = file.read_at(&mut content, offset)?;
        let complete = format.complete(&content[..read]);
        if complete == 0 && read < step {
            break;
        }
        step = if complete == 0 { step * 2 } else { STEP };
        let mut at = 0;
        while let Some(len) = format.first(&content[at..complete]) {
            begins.push_back(offset + at as u64);
            if begins.len() > lines {
                begins.pop_front();
            }
            at += len;
        }
        offset += complete as u64;
    }
    Ok((begins.front().copied().unwrap_or(offset), begins.len()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(path: &std::path::Path, format: Format, content: &[u8], lines: usize, expected: &[u8], found: usize) {
        std::fs::write(path, content).expect("written");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(content).expect("compressed");
        let compressed = path.with_extension("gz");
        std::fs::write(&compressed, gzip.finish().expect("compressed")).expect("written");
        for path in [path, &compressed] {
            let mut file = LogFile::open(path).expect("opened");
            let (at, count) = offset(&mut file, format, lines).expect("read");
            let rest = &content[usize::try_from(at).expect("small")..];
            assert!(rest == expected && count == found, "{}: {at}, {count}", path.display());
        }
    }

    #[test]
    fn last_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let check = |content: &str, lines: usize, expected: &str, found: usize| {
            check(&folder.path().join("log"), Format::Json, content.as_bytes(), lines, expected.as_bytes(), found);
        };
        check("a\nb\nc\n", 2, "b\nc\n", 2);
        check("a\nb\nc\n", 3, "a\nb\nc\n", 3);
        check("a\nb\nc\n", 9, "a\nb\nc\n", 3);
        check("a\nb\nc\n", 0, "", 0);
        check("", 5, "", 0);
        let long = "x".repeat(300_000);
        check(&format!("{long}\n{long}\nend\n"), 2, &format!("{long}\nend\n"), 2);
    }

    #[test]
    fn last_entries() {
        let folder = tempfile::tempdir().expect("a folder");
        let entry = |len: u8| [&[0, 0, 0, len][..], &vec![7; len.into()], &[0, 0, 0, len]].concat();
        let (a, b, c) = (entry(3), entry(200), entry(9));
        let all = [&a[..], &b, &c].concat();
        let path = folder.path().join("log");
        for (lines, expected, found) in [(1, &c[..], 1), (2, &all[a.len()..], 2), (5, &all[..], 3), (0, &[], 0)] {
            check(&path, Format::Local, &all, lines, expected, found);
        }
        // Zeros are no entries.
        check(&path, Format::Local, &[&all[..], &[0; 16]].concat(), 1, &[&c[..], &[0; 16]].concat(), 1);
        // An entry that is being written is there for those who go on reading.
        let cut = [&all[..], &b[..50]].concat();
        check(&path, Format::Local, &cut, 1, &[&c[..], &b[..50]].concat(), 1);
    }
}
