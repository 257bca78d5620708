//! Another version of the executable takes over from the one that runs.

use crate::engine::{Engine, keeper_pid};
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A request without an answer for so long is lost. Far above what it takes, since emulated machines are slow: `bench upgrade`
/// measures it.
const LONGEST: Duration = Duration::from_secs(30);
/// Until both processes are the other version.
const TAKE_OVER: Duration = Duration::from_secs(60);
/// Between two requests, and between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// An executable that is replaced by others.
#[derive(Debug)]
pub struct Installed {
    path: PathBuf,
    content: Vec<u8>,
}

impl Installed {
    /// Copies an executable to where it is replaced.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn new(path: impl Into<PathBuf>, executable: &Path) -> Result<Self> {
        let content = fs::read(executable).with_context(|| format!("reading {}", executable.display()))?;
        let installed = Self { path: path.into(), content };
        installed.put(&installed.content)?;
        Ok(installed)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts something else in its place, in one step.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, content: &[u8]) -> Result<()> {
        let new = self.path.with_extension("new");
        crate::executable::write(&new, content)?;
        Ok(fs::rename(&new, &self.path)?)
    }

    /// Puts it back as it was copied.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_back(&self) -> Result<()> {
        self.put(&self.content)
    }

    /// Has another version take over from the engine's daemon and keeper: the same program of another length, which is what
    /// they are told apart by. Returns how long the longest answer took meanwhile.
    ///
    /// # Errors
    /// When a request is refused or cut, or the processes are not the other version in the end.
    pub fn take_over(&self, engine: &Engine, version: &str) -> Result<Duration> {
        let content = [&self.content, version.as_bytes()].concat();
        self.put(&content)?;
        let daemon = engine.daemon_pid().context("no daemon")?;
        let keeper = keeper_pid(&engine.host)?.context("no keeper")?;
        let length = content.len() as u64;
        under_pings(&engine.host.path("teu.sock"), || {
            ask(daemon)?;
            until("the daemon executes the new version", || length_of_executable(daemon) == length)?;
            until("the keeper executes the new version", || length_of_executable(keeper) == length)
        })
    }
}

/// Asks a daemon to execute what is in the place of its executable.
///
/// # Errors
/// When there is no such process.
pub fn ask(daemon: u32) -> Result<()> {
    let pid = rustix::process::Pid::from_raw(daemon.cast_signed()).context("no process")?;
    Ok(rustix::process::kill_process(pid, rustix::process::Signal::USR2)?)
}

/// One request on a connection of its own; how long the answer took.
///
/// # Errors
/// When it is refused, cut, or not well.
pub fn ping(socket: &Path) -> Result<Duration> {
    let begin = Instant::now();
    let mut stream = UnixStream::connect(socket).context("refused")?;
    stream.set_read_timeout(Some(LONGEST))?;
    stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").context("refused")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("not answered")?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "answered {answer:?}");
    Ok(begin.elapsed())
}

/// Waits, by looking, until something is so.
///
/// # Errors
/// When it takes more than a minute.
pub fn until(what: &str, done: impl Fn() -> bool) -> Result<()> {
    let begin = Instant::now();
    while !done() {
        ensure!(begin.elapsed() < TAKE_OVER, "not within {TAKE_OVER:?}: {what}");
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Pings all the time while `work` is done; returns how long the longest answer took.
fn under_pings(socket: &Path, work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pinging = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                longest = longest.max(ping(socket)?);
                std::thread::sleep(PAUSE);
            }
            Ok(longest)
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        let longest = pinging.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a panic")));
        done.and(longest)
    })
}

fn length_of_executable(pid: u32) -> u64 {
    fs::metadata(format!("/proc/{pid}/exe")).map_or(0, |metadata| metadata.len())
}
