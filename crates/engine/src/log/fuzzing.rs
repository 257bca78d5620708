//! Fuzz targets: entries and files of logs.

use std::hint::black_box;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use teu_api::stream::Decoder;
use teu_keeper::protocol::LogDriver;

pub use super::ship::fuzzing::{confirmations, log_options};

use super::files::LogFile;
use super::position::Position;
use super::{Format, Select, json, reader, tail};

const FORMATS: [Format; 2] = [Format::Json, Format::Local];

/// Entries in both formats: the quick way reads as the general one, the end that is not complete hides nothing, and what
/// clients get is whole frames.
pub fn log_entries(data: &[u8]) {
    for line in data.split_inclusive(|b| *b == b'\n') {
        if let (Some(quick), Some(general)) = (json::quick(line), json::general(line)) {
            assert_eq!(quick, general);
        }
    }
    for format in FORMATS {
        let complete = format.complete(data);
        let entries = || format.entries(data);
        assert!(format.entries(&data[..complete]).eq(entries()));
        for entry in entries() {
            let mut time = Vec::new();
            entry.push_time(&mut time);
            black_box((entry.timestamp(), time));
        }
        let select = Select { stdout: true, stderr: true, timestamps: true, details: true, ..Select::default() };
        let output = reader::convert(data, format, &select).output;
        assert_eq!(frames(&output), Some(entries().count()));
        let since = Some(Timestamp::UNIX_EPOCH);
        black_box(reader::convert(data, format, &Select { tty: true, since, until: since, ..select }).finished);
    }
}

/// How many frames a stream has; `None` if it is not made of whole ones.
fn frames(mut stream: &[u8]) -> Option<usize> {
    let (mut decoder, mut left, mut count) = (Decoder::new(), stream.len(), 0);
    // A frame's length is behind its kind and three zeros; pieces of a payload do not tell where it ends.
    let mut at = stream;
    while let Some((header, rest)) = at.split_first_chunk::<8>() {
        let len = usize::try_from(u32::from_be_bytes([header[4], header[5], header[6], header[7]])).ok()?;
        at = rest.get(len..)?;
        count += 1;
    }
    while let Ok(Some((_, payload))) = decoder.next(&mut stream) {
        left -= payload.len();
    }
    (at.is_empty() && decoder.is_at_boundary() && left == 8 * count).then_some(count)
}

/// What a container wrote, as the keeper logs it, read back: the same but for bytes that are no UTF-8 in `json-file`.
pub fn logged(output: &[u8], driver: LogDriver, log: &[u8]) {
    let format = if driver == LogDriver::Local { Format::Local } else { Format::Json };
    assert_eq!(format.complete(log), log.len());
    let mut read = Vec::new();
    for entry in format.entries(log) {
        read.extend_from_slice(&entry.text);
        read.extend(entry.ends.then_some(b'\n'));
    }
    if format == Format::Local {
        assert!(read == output, "{read:?} {output:?}");
    } else if output.len() < 16 << 10 {
        // Go, too, replaces each byte that is no UTF-8 with one mark of its own; pieces of 16 KiB are cut before that.
        let expected: String = output
            .utf8_chunks()
            .flat_map(|chunk| [chunk.valid().to_owned(), "\u{fffd}".repeat(chunk.invalid().len())])
            .collect();
        assert_eq!(String::from_utf8_lossy(&read), expected);
    }
}

/// A log of three files, the oldest of them compressed, in an empty folder: its end is found in a compressed file where it
/// is in one that is not, and what is read from there is the end of what is read from the beginning.
///
/// # Errors
/// The files cannot be written.
pub fn log_files(folder: &Path, data: &[u8]) -> io::Result<()> {
    let Some((&[choice, lines, cut], data)) = data.split_first_chunk() else { return Ok(()) };
    let format = FORMATS[usize::from(choice & 1)];
    let lines = usize::from(lines & 15);
    let path = folder.join("log");
    let (old, rest) = data.split_at(data.len() * usize::from(cut) / 256);
    let (rotated, current) = rest.split_at(format.complete(&rest[..rest.len() / 2]));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(old)?;
    std::fs::write(folder.join("log.2.gz"), gzip.finish()?)?;
    std::fs::write(folder.join("plain"), old)?;
    std::fs::write(folder.join("log.1"), rotated)?;
    std::fs::write(&path, current)?;
    // What is in a compressed file's header is the keeper's, unless the file was compressed by another.
    let damaged = folder.join("damaged.gz");
    std::fs::write(&damaged, data)?;
    if let Ok(mut file) = LogFile::open(&damaged) {
        black_box(file.read_at(&mut [0; 4096], 0).is_ok());
    }
    let files = [old, rotated, current].map(|content| &content[..format.complete(content)]);
    let whole = read(&path, format, None)?;
    assert_eq!(whole, files.concat());
    if format == Format::Local
        && [old, rotated, current].iter().any(|content| units(format, content) != Some(content.len()))
    {
        // Damage: what is behind it can be found from the end only.
        return Ok(());
    }
    let at = |name: &str| tail::offset(&mut LogFile::open(&folder.join(name))?, format, lines);
    assert_eq!(at("log.2.gz")?, at("plain")?);
    let end = read(&path, format, Some(lines))?;
    assert!(whole.ends_with(&end));
    let count =
        |content: &[u8]| std::iter::successors(Some(0), |at| Some(at + format.first(&content[*at..])?)).count() - 1;
    assert_eq!(count(&end), count(&whole).min(lines));
    Ok(())
}

/// How far the entries reach.
fn units(format: Format, content: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < content.len() {
        at += format.first(&content[at..])?;
    }
    Some(at)
}

fn read(path: &Path, format: Format, tail: Option<usize>) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    for mut position in Position::history(path, format, tail)? {
        loop {
            let content = position.read()?;
            if content.is_empty() {
                break;
            }
            all.extend(content);
        }
    }
    Ok(all)
}
