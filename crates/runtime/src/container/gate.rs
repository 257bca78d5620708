//! Where a created container waits for the start, which comes from another process.
//!
//! Two FIFOs in the container's directory: one byte through the first is the start; what fails after it comes back through
//! the second, which `execve` closes.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::plan::GateFiles;

/// The start.
const START: &str = "start.fifo";
/// What fails after it.
const REPORT: &str = "report.fifo";

/// The container's side.
#[derive(Debug)]
pub(crate) struct Gate;

impl Gate {
    /// Makes the FIFOs and opens them for the container.
    pub(crate) fn create(directory: &Path) -> Result<GateFiles> {
        let make = |name: &str| -> Result<PathBuf> {
            let path = directory.join(name);
            rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
                .with_context(|| format!("make {}", path.display()))?;
            Ok(path)
        };
        let (start, report) = (make(START)?, make(REPORT)?);
        let open = |path: &Path, flags| {
            rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty())
                .with_context(|| format!("open {}", path.display()))
        };
        // Open both ways, the start can be read before there is a writer; and a writer finds a reader while the process
        // lives. The report is open for writing only, so that its end can be seen; a reader is needed to open it so.
        let start = open(&start, OFlags::RDWR)?;
        let reader = open(&report, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let files = GateFiles { start, report: open(&report, OFlags::WRONLY)? };
        drop(reader);
        Ok(files)
    }

    /// Whether the container waits: the start removes the FIFO.
    pub(crate) fn exists(directory: &Path) -> bool {
        directory.join(START).exists()
    }
}

/// The side of who starts the container.
#[derive(Debug)]
pub(crate) struct Starter {
    start: OwnedFd,
    report: OwnedFd,
    path: PathBuf,
}

impl Starter {
    /// Opens the FIFOs of a container that waits.
    pub(crate) fn open(directory: &Path) -> Result<Starter> {
        let path = directory.join(START);
        let open = |path: &Path, flags| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
        let report = open(&directory.join(REPORT), OFlags::RDONLY | OFlags::NONBLOCK);
        match (open(&path, OFlags::WRONLY | OFlags::NONBLOCK), report) {
            (Ok(start), Ok(report)) => Ok(Starter { start, report, path }),
            (Err(Errno::NXIO), _) => bail!("the container's process has ended"),
            (Err(Errno::NOENT), _) | (_, Err(Errno::NOENT)) => bail!("the container has been started already"),
            (Err(e), _) | (_, Err(e)) => Err(e).with_context(|| format!("open {}", path.display())),
        }
    }

    /// Lets the container go on, and waits until its program is executed: yields the error number if
    /// that fails, with the number of steps that were left: 0 if it was the execution itself.
    pub(crate) fn start(self) -> Result<Option<(u32, i32)>> {
        fs::remove_file(&self.path).with_context(|| format!("remove {}", self.path.display()))?;
        rustix::io::write(&self.start, &[1]).context("start the container")?;
        let mut buffer = [0u8; 512];
        loop {
            poll(&mut [PollFd::new(&self.report, PollFlags::IN)], None).context("wait for the container")?;
            match rustix::io::read(self.report.as_fd(), &mut buffer) {
                Ok(0) => return Ok(None),
                Ok(length) => {
                    let message = crate::channel::decode(&buffer[..length]).context("read the container's report")?;
                    return Ok(Some((message.step, message.value)));
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(e) => return Err(e).context("read the container's report"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_and_the_report_pass_through() {
        let dir = tempfile::tempdir().unwrap();
        let files = Gate::create(dir.path()).unwrap();
        assert!(Gate::exists(dir.path()));
        let container = std::thread::spawn(move || {
            assert!(crate::channel::wait(&files.start));
            crate::channel::report(files.report.as_fd(), 5, 2);
        });
        let starter = Starter::open(dir.path()).unwrap();
        assert_eq!(starter.start().unwrap(), Some((5, 2)));
        container.join().unwrap();
        assert!(!Gate::exists(dir.path()));
        assert!(Starter::open(dir.path()).unwrap_err().to_string().contains("already"));
    }

    #[test]
    fn a_closed_report_is_success_and_a_dead_container_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let files = Gate::create(dir.path()).unwrap();
        let container = std::thread::spawn(move || {
            // All of it: a closure takes single fields otherwise, and the report would stay open.
            let files = files;
            assert!(crate::channel::wait(&files.start));
        });
        assert_eq!(Starter::open(dir.path()).unwrap().start().unwrap(), None);
        container.join().unwrap();
        let other = tempfile::tempdir().unwrap();
        drop(Gate::create(other.path()).unwrap());
        assert!(Starter::open(other.path()).unwrap_err().to_string().contains("has ended"));
    }
}
