//! Reading a stranger's archive, entry by entry, in bounded memory.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use tar::{Archive, Entry};

/// What an entry's long names and extended headers may take in all: they are kept in memory, and a compressed archive of a
/// few megabytes could have gigabytes of them. Go's reader, and so Docker, allows 1 MiB for each.
const MOST: u64 = 4 << 20;

/// Reads an archive. What `visit` leaves of an entry's content is passed over.
///
/// # Errors
/// The reader's, and what `visit` fails with; a malformed archive, or an entry with too much before its content.
pub(crate) fn each<R: Read>(
    from: R,
    mut visit: impl FnMut(&mut Entry<'_, Bounded<R>>) -> io::Result<()>,
) -> io::Result<()> {
    let left = Rc::new(Cell::new(Some(MOST)));
    let mut archive = Archive::new(Bounded { from, left: Rc::clone(&left) });
    for entry in archive.entries()? {
        let mut entry = entry?;
        left.set(None);
        visit(&mut entry)?;
        // Here, so that it does not count as what comes before the next.
        io::copy(&mut entry, &mut io::sink())?;
        left.set(Some(MOST));
    }
    Ok(())
}

/// A reader that ends with an error where no more may come.
pub(crate) struct Bounded<R> {
    from: R,
    /// How much may still come, if that is bounded.
    left: Rc<Cell<Option<u64>>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.left.get() else { return self.from.read(into) };
        if left == 0 {
            let text = format!("an entry has more than {} MiB of names and attributes", MOST >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let most = usize::try_from(left).map_or(into.len(), |left| left.min(into.len()));
        let read = self.from.read(&mut into[..most])?;
        self.left.set(Some(left - read as u64));
        Ok(read)
    }
}
