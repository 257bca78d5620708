//! The writer is cut at every system call and the log is checked byte for byte.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;

use rustix::fs::mkfifoat;
use serde::Deserialize;

use super::super::fault::plan;
use super::super::rotate::rotated;
use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    log: String,
    stream: Stream,
    time: Timestamp,
}

/// A container's directory, its FIFOs with both ends, and what was written to them.
struct Bench {
    dir: tempfile::TempDir,
    target: LogTarget,
    readers: [OwnedFd; 2],
    writers: [File; 2],
    written: [Vec<u8>; 2],
    scratch: Scratch,
}

impl Bench {
    fn new(max_size: Option<u64>, max_files: u32) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let target = LogTarget { path: dir.path().join("log"), max_size, max_files, ..LogTarget::default() };
        let open = |name: &str| {
            let path = dir.path().join(name);
            mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
            let reader = openat(CWD, &path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap();
            (reader, File::options().write(true).open(&path).unwrap())
        };
        let ((r0, w0), (r1, w1)) = (open("stdout"), open("stderr"));
        Bench {
            target,
            readers: [r0, r1],
            writers: [w0, w1],
            written: Default::default(),
            scratch: Scratch::default(),
            dir,
        }
    }

    fn log(&self) -> Log {
        Log::new(self.dir.path(), &self.target)
    }

    fn write(&mut self, stream: Stream, data: &[u8]) {
        self.writers[stream.index()].write_all(data).unwrap();
        self.written[stream.index()].extend_from_slice(data);
    }

    fn pump(&mut self, log: &mut Log, stream: Stream) -> io::Result<()> {
        log.flush(stream, false, &mut self.scratch)?;
        let fifo = self.readers[stream.index()].as_fd();
        while let Taken::Data(_) = log.pump(stream, fifo, &mut self.scratch, |_| {})? {}
        log.rest()
    }

    fn finish(&mut self, log: &mut Log) -> io::Result<()> {
        for stream in Stream::BOTH {
            self.pump(log, stream)?;
            log.flush(stream, true, &mut self.scratch)?;
        }
        log.rest()
    }

    /// All entries, oldest file first; the files must be well-formed to the byte.
    fn entries(&self) -> Vec<Entry> {
        let mut text = String::new();
        for n in (1..self.target.max_files).rev() {
            text += &fs::read_to_string(rotated(&self.target.path, n, "")).unwrap_or_default();
        }
        text += &fs::read_to_string(&self.target.path).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    fn check(&self) {
        let entries = self.entries();
        for stream in Stream::BOTH {
            let logged: String = entries.iter().filter(|e| e.stream == stream).map(|e| e.log.as_str()).collect();
            let written = str::from_utf8(&self.written[stream.index()]).unwrap();
            let times = entries.iter().filter(|e| e.stream == stream).map(|e| e.time);
            assert!(times.is_sorted());
            assert!(logged == written, "{}: logged {} of {}", stream.name(), logged.len(), written.len());
        }
    }
}

/// Numbered lines of odd lengths, some longer than an entry, some without an end at the end of a piece.
fn pieces() -> Vec<(Stream, Vec<u8>)> {
    (0..24_usize)
        .map(|n| {
            let stream = if n % 3 == 2 { Stream::Stderr } else { Stream::Stdout };
            let mut data = format!("line {n} \"quoted\" é\n").repeat(1 + n * n % 40).into_bytes();
            if n % 5 == 1 {
                data.extend(std::iter::repeat_n(b'x', 20_000));
            }
            data.extend_from_slice(format!("open {n},").as_bytes());
            (stream, data)
        })
        .collect()
}

/// Runs all pieces with a fault after every `calls`th system call; `reopen` as a new keeper would, or goes on as one
/// whose disk was full.
fn run(bench: &mut Bench, reopen: bool, fault: impl Fn()) -> bool {
    let mut log = bench.log();
    let mut any = false;
    fault();
    for (stream, data) in pieces() {
        bench.write(stream, &data);
        if bench.pump(&mut log, stream).is_err() {
            any |= plan::heal();
            if reopen {
                log = bench.log();
            }
            // The attempt after a failure succeeds, so that even a fault at each call makes progress.
            bench.pump(&mut log, stream).unwrap();
            fault();
        }
    }
    any |= plan::heal();
    bench.finish(&mut log).unwrap();
    any
}

fn at_every_call(max_size: Option<u64>, max_files: u32) {
    for reopen in [true, false] {
        let mut calls = 0;
        loop {
            let mut bench = Bench::new(max_size, max_files);
            let cut = run(&mut bench, reopen, || plan::after(calls));
            bench.check();
            let mut bench = Bench::new(max_size, max_files);
            run(&mut bench, reopen, || plan::after_part(calls));
            bench.check();
            if !cut {
                break;
            }
            calls += 1;
        }
        assert!(calls > 60, "{calls}");
    }
}

#[test]
fn cut_anywhere_no_line_is_lost_or_doubled() {
    at_every_call(None, 1);
}

#[test]
fn cut_anywhere_while_rotating_no_line_is_lost_or_doubled() {
    at_every_call(Some(20_000), 1000);
}

#[test]
fn rotation_keeps_so_many_files_and_cuts_after_the_line_that_reaches_the_size() {
    let mut bench = Bench::new(Some(1000), 3);
    let mut log = bench.log();
    for n in 0..1000 {
        bench.write(Stream::Stdout, format!("{n}\n").as_bytes());
    }
    bench.finish(&mut log).unwrap();
    let entries = bench.entries();
    assert_eq!(entries.last().unwrap().log, "999\n");
    for n in 1..3 {
        let text = fs::read_to_string(rotated(&bench.target.path, n, "")).unwrap();
        let last = text.lines().last().unwrap().len() + 1;
        assert!(text.len() >= 1000 && text.len() - last < 1000, "{}", text.len());
    }
    assert!(!rotated(&bench.target.path, 3, "").exists());
}

#[test]
fn with_one_file_rotation_empties_it() {
    let mut bench = Bench::new(Some(1000), 1);
    let mut log = bench.log();
    for n in 0..100 {
        bench.write(Stream::Stdout, format!("{n}\n").as_bytes());
    }
    bench.finish(&mut log).unwrap();
    assert_eq!(bench.entries().last().unwrap().log, "99\n");
    assert!(fs::metadata(&bench.target.path).unwrap().len() < 1100);
}

#[test]
fn output_that_grows_when_encoded_is_written_in_bounded_batches() {
    let mut bench = Bench::new(None, 1);
    let mut log = bench.log();
    bench.write(Stream::Stderr, &[b'\n'; 60_000]);
    bench.finish(&mut log).unwrap();
    assert_eq!(bench.entries().len(), 60_000);
    assert!(bench.scratch.entries.capacity() < 2 * ENCODE + MAX_LINE);
}

#[test]
fn the_log_goes_on_after_somebody_empties_it() {
    let mut bench = Bench::new(None, 1);
    let mut log = bench.log();
    bench.write(Stream::Stdout, b"before\n");
    bench.pump(&mut log, Stream::Stdout).unwrap();
    File::create(&bench.target.path).unwrap();
    bench.write(Stream::Stdout, b"after\n");
    bench.finish(&mut log).unwrap();
    assert_eq!(bench.entries().iter().map(|e| e.log.as_str()).collect::<Vec<_>>(), ["after\n"]);
}

#[test]
fn a_closed_log_goes_on_where_it_was() {
    let mut bench = Bench::new(None, 1);
    let mut log = bench.log();
    for n in 0..300 {
        bench.write(Stream::Stdout, format!("{n} {}", "x".repeat(n)).as_bytes());
        bench.pump(&mut log, Stream::Stdout).unwrap();
        log.close();
    }
    bench.finish(&mut log).unwrap();
    bench.check();
}

#[test]
fn spools_are_emptied_when_everything_is_logged() {
    let mut bench = Bench::new(None, 1);
    let mut log = bench.log();
    for n in 0..200 {
        bench.write(Stream::Stdout, format!("{}\n", "x".repeat(n * 100)).as_bytes());
        bench.pump(&mut log, Stream::Stdout).unwrap();
        assert!(fs::metadata(bench.dir.path().join("stdout.spool")).unwrap().len() < RESET);
    }
    bench.finish(&mut log).unwrap();
    bench.check();
}

/// `/dev/full` says that no space is left, whatever is written.
#[test]
fn a_full_disk_delays_output_but_loses_none() {
    let mut bench = Bench::new(None, 1);
    std::os::unix::fs::symlink("/dev/full", &bench.target.path).unwrap();
    let mut log = bench.log();
    for n in 0..100 {
        bench.write(Stream::Stdout, format!("{n} {}\n", "y".repeat(80)).as_bytes());
        let error = bench.pump(&mut log, Stream::Stdout).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
    fs::remove_file(&bench.target.path).unwrap();
    log.close();
    bench.finish(&mut log).unwrap();
    bench.check();
}

#[test]
fn a_container_that_must_not_wait_loses_what_does_not_fit() {
    let mut bench = Bench::new(None, 1);
    bench.target.non_blocking = Some(1000);
    let mut log = bench.log();
    bench.write(Stream::Stdout, b"logged\n");
    bench.pump(&mut log, Stream::Stdout).unwrap();
    assert!(log.may_lose());
    // The log cannot be written: of six thousand bytes, one thousand are kept, and clients get all.
    bench.write(Stream::Stdout, &b"0123456789\n".repeat(600));
    let (mut delivered, mut taken) = (0, Taken::Data(0));
    while let Taken::Data(_) = taken {
        let fifo = bench.readers[0].as_fd();
        taken = log.absorb(Stream::Stdout, fifo, &mut bench.scratch, |bytes| delivered += bytes.len()).unwrap();
    }
    assert_eq!((taken, delivered), (Taken::Empty, 6600));
    bench.finish(&mut log).unwrap();
    let logged: String = bench.entries().into_iter().map(|entry| entry.log).collect();
    let expected = format!("logged\n{}", "0123456789\n".repeat(600));
    assert_eq!(logged, expected[..1007]);
}
