//! Compressing rotated logs, one after the other, in a process of its own.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use rustix::event::epoll::EventFlags;
use teu_sys::pidfd;

use super::poll::Token;
use super::{Server, complain};
use crate::log::{Log, archive};

/// Makes `teu keeper` the process that compresses: from its standard input to its standard output.
pub const COMPRESS: &str = "--compress";

/// Runs `teu keeper --compress`.
pub fn compress() -> ExitCode {
    // Whoever asked sees the exit code and keeps the file as it is.
    if archive::compress().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is to be compressed, and what is being.
#[derive(Debug, Default)]
pub(super) struct Compression {
    queue: VecDeque<Job>,
    running: Option<Running>,
}

/// A log with files that want to be compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Job {
    log: PathBuf,
    max_files: u32,
}

#[derive(Debug)]
struct Running {
    job: Job,
    /// Of the file that is being compressed.
    inode: u64,
    /// That file: as long as it is open, no other gets its number.
    _source: File,
    child: Child,
    pidfd: OwnedFd,
}

impl Compression {
    /// Puts a log into the queue if it has been rotated.
    pub(super) fn note(&mut self, log: &mut Log) {
        let Some(target) = log.take_rotated() else { return };
        let job = Job { log: target.path.clone(), max_files: target.max_files };
        if !self.queue.contains(&job) {
            self.queue.push_back(job);
        }
    }

    /// Whether a process is the one that compresses.
    pub(super) fn is_child(&self, pid: i32) -> bool {
        self.running.as_ref().is_some_and(|running| i32::try_from(running.child.id()) == Ok(pid))
    }
}

impl Server {
    /// Starts the next compression, if there is one to do and none under way.
    pub(super) fn compress_next(&mut self) {
        while self.compression.running.is_none() {
            let Some(job) = self.compression.queue.pop_front() else { return };
            match self.compress(&job) {
                Ok(running) => self.compression.running = running,
                // The file stays as it is, and is tried again after the next rotation.
                Err(error) => complain(&format!("compressing {}: {error}", job.log.display())),
            }
        }
    }

    /// None if everything is compressed.
    fn compress(&self, job: &Job) -> io::Result<Option<Running>> {
        let Some(found) = archive::candidate(&job.log, job.max_files)? else { return Ok(None) };
        let source = found.source.try_clone()?;
        let child = Command::new("/proc/self/exe")
            .args(["keeper", COMPRESS])
            .stdin(found.source)
            .stdout(found.target)
            .stderr(Stdio::null())
            .spawn()?;
        let watched = i32::try_from(child.id()).map_err(io::Error::other).and_then(pidfd::open);
        let watched = watched.and_then(|pidfd| {
            self.poll.add(&pidfd, Token::Compression, EventFlags::IN)?;
            Ok(pidfd)
        });
        match watched {
            Ok(pidfd) => Ok(Some(Running { job: job.clone(), inode: found.inode, _source: source, child, pidfd })),
            // Without being told of its end nothing can be done with it.
            Err(error) => {
                end(child);
                Err(error)
            }
        }
    }

    /// The process has ended.
    pub(super) fn on_compressed(&mut self) {
        let Some(mut running) = self.compression.running.take() else { return };
        self.poll.remove(&running.pidfd);
        let Job { log, max_files } = &running.job;
        let result = match running.child.wait() {
            Ok(status) if status.success() => archive::publish(log, *max_files, running.inode),
            Ok(status) => Err(io::Error::other(format!("the process ended with {status}"))),
            Err(error) => Err(error),
        };
        match result {
            // There may be older ones, left by a keeper that was killed.
            Ok(()) => self.compression.queue.push_back(running.job),
            Err(error) => {
                archive::discard(log);
                complain(&format!("compressing {}: {error}", log.display()));
            }
        }
    }

    /// Ends what is under way: it is done again after the next rotation.
    pub(super) fn stop_compressing(&mut self) {
        if let Some(running) = self.compression.running.take() {
            self.poll.remove(&running.pidfd);
            end(running.child);
            archive::discard(&running.job.log);
        }
    }
}

fn end(mut child: Child) {
    // It may have ended meanwhile.
    drop(child.kill());
    drop(child.wait());
}
