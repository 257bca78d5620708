//! FIFOs for a process's standard streams.
//!
//! The process gets its ends of the output FIFOs opened for reading and writing: nobody's death gives it `SIGPIPE`, and
//! data waits in the pipe for as long as the process lives. The keeper opens them for reading only, so that it sees
//! their end when the last process that has them closes them.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Gid, Mode, OFlags, Uid, fchown, fcntl_setfl, mkfifoat, openat};

use crate::log::Stream;

const CLOEXEC: OFlags = OFlags::CLOEXEC;

/// Whom the process's ends belong to, so that it can open `/dev/stdout` by name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Both ends of a stream.
pub(super) struct Ends {
    /// The keeper's, nonblocking.
    pub(super) ours: OwnedFd,
    /// The process's.
    pub(super) theirs: OwnedFd,
}

/// Makes an output FIFO.
pub(super) fn output(dir: &Path, stream: Stream, owner: Owner) -> io::Result<Ends> {
    let path = dir.join(stream.name());
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
    let ours = openat(CWD, &path, OFlags::RDONLY | OFlags::NONBLOCK | CLOEXEC, Mode::empty())?;
    let theirs = openat(CWD, &path, OFlags::RDWR | CLOEXEC, Mode::empty())?;
    own(&theirs, owner)?;
    Ok(Ends { ours, theirs })
}

/// Makes the FIFO of an input that stays open.
pub(super) fn input(dir: &Path, owner: Owner) -> io::Result<Ends> {
    let path = dir.join("stdin");
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
    let theirs = openat(CWD, &path, OFlags::RDONLY | OFlags::NONBLOCK | CLOEXEC, Mode::empty())?;
    let ours = openat(CWD, &path, OFlags::WRONLY | OFlags::NONBLOCK | CLOEXEC, Mode::empty())?;
    fcntl_setfl(&theirs, OFlags::empty())?;
    own(&theirs, owner)?;
    Ok(Ends { ours, theirs })
}

/// Makes the FIFO that a terminal's output goes through on its way to the log. Nobody else writes to it.
pub(super) fn terminal_output(dir: &Path) -> io::Result<OwnedFd> {
    mkfifoat(CWD, dir.join(Stream::Stdout.name()), Mode::RUSR | Mode::WUSR)?;
    reopen_terminal_output(dir)
}

/// Opens it again.
pub(super) fn reopen_terminal_output(dir: &Path) -> io::Result<OwnedFd> {
    let path = dir.join(Stream::Stdout.name());
    Ok(openat(CWD, path, OFlags::RDWR | OFlags::NONBLOCK | CLOEXEC, Mode::empty())?)
}

/// Opens the keeper's end of an output again. None if the process has no such output.
pub(super) fn reopen_output(dir: &Path, stream: Stream) -> io::Result<Option<OwnedFd>> {
    optional(openat(CWD, dir.join(stream.name()), OFlags::RDONLY | OFlags::NONBLOCK | CLOEXEC, Mode::empty()))
}

/// Opens the keeper's end of an input again. None if there is none, or if nobody has it open for reading.
pub(super) fn reopen_input(dir: &Path) -> io::Result<Option<OwnedFd>> {
    optional(openat(CWD, dir.join("stdin"), OFlags::WRONLY | OFlags::NONBLOCK | CLOEXEC, Mode::empty()))
}

fn optional(opened: rustix::io::Result<OwnedFd>) -> io::Result<Option<OwnedFd>> {
    match opened {
        Ok(fd) => Ok(Some(fd)),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NXIO) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// `/dev/null` for reading and writing.
pub(super) fn null() -> io::Result<OwnedFd> {
    Ok(File::options().read(true).write(true).open("/dev/null")?.into())
}

/// Root owns them already.
fn own(fd: &OwnedFd, owner: Owner) -> io::Result<()> {
    if owner.uid == 0 && owner.gid == 0 {
        return Ok(());
    }
    Ok(fchown(fd, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::{Errno, read, write};

    const NOBODY: Owner = Owner { uid: 0, gid: 0 };

    #[test]
    fn the_end_of_output_shows_when_the_last_writer_closes() {
        let dir = tempfile::tempdir().unwrap();
        let ends = output(dir.path(), Stream::Stdout, NOBODY).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(read(&ends.ours, &mut buffer), Err(Errno::AGAIN));
        write(&ends.theirs, b"x").unwrap();
        drop(ends.theirs);
        assert_eq!(read(&ends.ours, &mut buffer), Ok(1));
        assert_eq!(read(&ends.ours, &mut buffer), Ok(0));
    }

    #[test]
    fn output_waits_for_a_keeper_that_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let ends = output(dir.path(), Stream::Stderr, NOBODY).unwrap();
        drop(ends.ours);
        write(&ends.theirs, b"waiting").unwrap();
        let again = reopen_output(dir.path(), Stream::Stderr).unwrap().unwrap();
        let mut buffer = [0; 8];
        assert_eq!(read(&again, &mut buffer), Ok(7));
        assert!(reopen_output(dir.path(), Stream::Stdout).unwrap().is_none());
    }

    #[test]
    fn input_ends_when_the_last_writer_closes() {
        let dir = tempfile::tempdir().unwrap();
        let ends = input(dir.path(), NOBODY).unwrap();
        let again = reopen_input(dir.path()).unwrap().unwrap();
        drop(ends.ours);
        write(&again, b"x").unwrap();
        drop(again);
        let mut buffer = [0; 8];
        assert_eq!(read(&ends.theirs, &mut buffer), Ok(1));
        assert_eq!(read(&ends.theirs, &mut buffer), Ok(0));
        drop(ends.theirs);
        assert!(reopen_input(dir.path()).unwrap().is_none());
    }
}
