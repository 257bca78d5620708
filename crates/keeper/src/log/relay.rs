//! Output that goes to clients only: through a spool as well, so that what was taken is not lost with the keeper.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use super::spool::Spool;
use super::{Scratch, Stream, Taken, spool_path};

/// Taken from a FIFO at once: its default capacity.
const TAKE: usize = 64 << 10;

/// The spools of a process without a log.
#[derive(Debug)]
pub(crate) struct Relay {
    dir: PathBuf,
    spools: [Option<Spool>; 2],
}

impl Relay {
    /// Spools in `dir`, made when there is something to take.
    pub(crate) fn new(dir: &Path) -> Relay {
        Relay { dir: dir.to_owned(), spools: [None, None] }
    }

    /// Moves what the FIFO has into the spool and lets `deliver` see it.
    ///
    /// # Errors
    /// The spool cannot take it; nothing is lost.
    pub(crate) fn pump(
        &mut self,
        stream: Stream,
        fifo: BorrowedFd<'_>,
        scratch: &mut Scratch,
        deliver: impl FnOnce(&[u8]),
    ) -> io::Result<Taken> {
        let slot = &mut self.spools[stream.index()];
        if slot.is_none() && rustix::io::ioctl_fionread(fifo)? == 0 {
            // Empty, or at its end: reading tells without a spool.
            return scratch.read(fifo);
        }
        let spool = match slot {
            Some(spool) => spool,
            None => slot.insert(Spool::open(&spool_path(&self.dir, stream))?),
        };
        let before = spool.size;
        let moved = match spool.splice(fifo, TAKE)? {
            None => return Ok(Taken::Empty),
            Some(0) => return Ok(Taken::End),
            Some(moved) => moved,
        };
        spool.read(before, scratch.room(moved))?;
        deliver(scratch.window(moved));
        spool.forget(before);
        Ok(Taken::Data(moved))
    }
}

#[cfg(test)]
mod tests {
    use rustix::pipe::{PipeFlags, pipe_with};

    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn what_was_delivered_is_in_the_spool_and_a_successor_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let (reader, writer) = pipe_with(PipeFlags::NONBLOCK).unwrap();
        let mut scratch = Scratch::default();
        let mut seen = Vec::new();
        for part in ["one ", "two"] {
            let mut relay = Relay::new(dir.path());
            assert_eq!(relay.pump(Stream::Stdout, reader.as_fd(), &mut scratch, |_| {}).unwrap(), Taken::Empty);
            rustix::io::write(&writer, part.as_bytes()).unwrap();
            let taken = relay.pump(Stream::Stdout, reader.as_fd(), &mut scratch, |b| seen.extend_from_slice(b));
            assert_eq!(taken.unwrap(), Taken::Data(part.len()));
        }
        assert_eq!(seen, b"one two");
        assert_eq!(std::fs::read(spool_path(dir.path(), Stream::Stdout)).unwrap(), b"one two");
        drop(writer);
        let taken = Relay::new(dir.path()).pump(Stream::Stdout, reader.as_fd(), &mut scratch, |_| {});
        assert_eq!(taken.unwrap(), Taken::End);
    }
}
