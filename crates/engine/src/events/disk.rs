//! Events on disk: two files of bounded size, one event a line, so that `events --since` reaches back beyond the
//! engine's own start.
//!
//! Lines begin with the event's number: what is in memory, too, is told apart by that and not by the clock. One thread
//! writes; nobody who publishes an event waits for it. A line that was cut by a power failure is passed over.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use teu_api::event::Event;

/// Bytes after which the current file becomes the older one; the older one before it is dropped. Some 15,000 events.
const SIZE: u64 = 8 << 20;
/// How much of a file's end is looked at for its last event. An event is bounded by its labels, not by much else.
const TAIL: u64 = 1 << 20;
/// How many events may wait for a slow reader.
const AHEAD: usize = 64;
/// How long the end of the engine waits for the last lines.
const PATIENCE: Duration = Duration::from_secs(2);

/// The files.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    jobs: mpsc::Sender<Job>,
}

#[derive(Debug)]
enum Job {
    Write(u64, Arc<Event>),
    Flush(mpsc::Sender<()>),
}

impl Disk {
    /// Opens or makes the files, and returns the number of the next event.
    pub(super) fn open(folder: &Path) -> io::Result<(Disk, u64)> {
        Self::with_size(folder, SIZE)
    }

    fn with_size(folder: &Path, size: u64) -> io::Result<(Disk, u64)> {
        std::fs::create_dir_all(folder)?;
        let next = files(folder).iter().rev().find_map(|path| last(path)).map_or(0, |last| last + 1);
        let (jobs, inbox) = mpsc::channel();
        let mut writer = Writer::open(folder, size)?;
        let work = move || inbox.iter().for_each(|job| writer.work(job));
        std::thread::Builder::new().name("teu-events".to_owned()).spawn(work)?;
        Ok((Disk { folder: folder.to_owned(), jobs }, next))
    }

    /// Hands an event over.
    pub(super) fn put(&self, number: u64, event: Arc<Event>) {
        // The thread ends with this handle only.
        drop(self.jobs.send(Job::Write(number, event)));
    }

    /// Waits until everything handed over is written, or for a moment. Blocks.
    pub(super) fn flush(&self) {
        let (done, written) = mpsc::channel();
        drop(self.jobs.send(Job::Flush(done)));
        if written.recv_timeout(PATIENCE).is_err() {
            tracing::warn!(folder = %self.folder.display(), "the last events may not be on disk");
        }
    }

    /// Events with smaller numbers than `end` that `wanted` accepts, oldest first, as they are read.
    pub(super) fn before(
        &self,
        end: u64,
        wanted: impl Fn(&Event) -> bool + Send + 'static,
    ) -> tokio::sync::mpsc::Receiver<Arc<Event>> {
        let (out, events) = tokio::sync::mpsc::channel(AHEAD);
        let paths = files(&self.folder);
        tokio::task::spawn_blocking(move || {
            for (number, event) in paths.iter().flat_map(|path| read(path)) {
                // Nobody reads any more: nothing is left to do.
                if number >= end || (wanted(&event) && out.blocking_send(Arc::new(event)).is_err()) {
                    return;
                }
            }
        });
        events
    }
}

/// The older file, then the current one.
fn files(folder: &Path) -> [PathBuf; 2] {
    [folder.join("events.1"), folder.join("events")]
}

/// Events of a file. One that is not there has none.
fn read(path: &Path) -> impl Iterator<Item = (u64, Event)> + use<> {
    let lines = File::open(path).ok().map(|file| BufReader::new(file).split(b'\n'));
    lines.into_iter().flatten().map_while(Result::ok).filter_map(|line| parse(&line))
}

pub(super) fn parse(line: &[u8]) -> Option<(u64, Event)> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let number = std::str::from_utf8(&line[..space]).ok()?.parse().ok()?;
    Some((number, serde_json::from_slice(&line[space + 1..]).ok()?))
}

pub(super) fn line(number: u64, event: &Event) -> io::Result<Vec<u8>> {
    let mut line = format!("{number} ").into_bytes();
    serde_json::to_writer(&mut line, event)?;
    line.push(b'\n');
    Ok(line)
}

/// The number of the last event in a file.
fn last(path: &Path) -> Option<u64> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    tail.rsplit(|byte| *byte == b'\n').find_map(parse).map(|(number, _)| number)
}

struct Writer {
    folder: PathBuf,
    file: File,
    length: u64,
    size: u64,
    /// The last write failed: said once, not for each event.
    failing: bool,
}

impl Writer {
    fn open(folder: &Path, size: u64) -> io::Result<Writer> {
        let [_, current] = files(folder);
        let mut file = File::options().create(true).append(true).read(true).open(current)?;
        let mut length = file.metadata()?.len();
        if length > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut end = [0];
            file.read_exact(&mut end)?;
            if end != *b"\n" {
                // A line that was cut: what follows is a line of its own.
                file.write_all(b"\n")?;
                length += 1;
            }
        }
        Ok(Writer { folder: folder.to_owned(), file, length, size, failing: false })
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Write(number, event) => {
                let written = self.write(number, &event);
                if let Err(error) = &written
                    && !self.failing
                {
                    tracing::error!(folder = %self.folder.display(), %error, "events cannot be written to disk");
                }
                self.failing = written.is_err();
            }
            // Whoever asked may have given up.
            Job::Flush(done) => drop(done.send(())),
        }
    }

    fn write(&mut self, number: u64, event: &Event) -> io::Result<()> {
        let line = line(number, event)?;
        if self.length > 0 && self.length + line.len() as u64 > self.size {
            let [older, current] = files(&self.folder);
            std::fs::rename(&current, older)?;
            self.file = File::options().create(true).append(true).open(current)?;
            self.length = 0;
        }
        self.file.write_all(&line)?;
        self.length += line.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use teu_api::event::Event;

    use super::Disk;

    fn event(action: &str) -> Arc<Event> {
        Arc::new(Event { action: action.to_owned(), ..Event::default() })
    }

    async fn actions(disk: &Disk, end: u64) -> Vec<String> {
        disk.flush();
        let mut events = disk.before(end, |_| true);
        let mut found = Vec::new();
        while let Some(event) = events.recv().await {
            found.push(event.action.clone());
        }
        found
    }

    #[tokio::test]
    async fn numbers_go_on_where_the_last_engine_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let (disk, next) = Disk::open(folder.path()).expect("opened");
        assert_eq!(next, 0);
        disk.put(0, event("create"));
        disk.put(1, event("start"));
        disk.flush();
        // Cut by a power failure.
        let mut file = std::fs::File::options().append(true).open(folder.path().join("events")).expect("a file");
        file.write_all(b"2 {\"Type\":\"cont").expect("written");
        let (disk, next) = Disk::open(folder.path()).expect("opened");
        assert_eq!(next, 2);
        disk.put(2, event("die"));
        assert_eq!(actions(&disk, 3).await, ["create", "start", "die"]);
        assert_eq!(actions(&disk, 1).await, ["create"]);
    }

    #[tokio::test]
    async fn the_oldest_are_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let (disk, _) = Disk::with_size(folder.path(), 2000).expect("opened");
        for number in 0..1000 {
            disk.put(number, event(&format!("a{number}")));
        }
        let found = actions(&disk, 1000).await;
        assert!(found.len() > 5 && found.last().is_some_and(|last| last == "a999"), "{found:?}");
        let bytes: u64 = std::fs::read_dir(folder.path())
            .expect("a folder")
            .map(|f| f.expect("a file").metadata().expect("its size").len())
            .sum();
        assert!(bytes <= 4000, "{bytes}");
        assert_eq!(Disk::open(folder.path()).expect("opened").1, 1000);
    }
}
