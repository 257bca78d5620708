//! Where the writer can be cut in tests: before each system call that changes something.

#[cfg(not(test))]
#[inline]
#[expect(clippy::unnecessary_wraps, reason = "it fails in tests")]
pub(super) fn cut() -> std::io::Result<()> {
    Ok(())
}

#[cfg(not(test))]
#[inline]
pub(super) fn shorten(len: usize) -> usize {
    len
}

#[cfg(test)]
pub(super) use plan::{cut, shorten};

#[cfg(test)]
pub(super) mod plan {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
        static SHORT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// Lets so many more system calls happen; then all fail until [`heal`].
    pub(in crate::log) fn after(calls: u32) {
        LEFT.set(Some(calls));
    }

    /// As [`after`], and the last call that happens, if a write to the log, writes only a part.
    pub(in crate::log) fn after_part(calls: u32) {
        LEFT.set(Some(calls));
        SHORT.set(Some(calls));
    }

    /// Ends the failures. Returns whether there were any.
    pub(in crate::log) fn heal() -> bool {
        SHORT.set(None);
        LEFT.replace(None) == Some(0)
    }

    pub(in crate::log) fn cut() -> io::Result<()> {
        match LEFT.get() {
            Some(0) => Err(io::Error::other("cut")),
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// How much of a write happens.
    pub(in crate::log) fn shorten(len: usize) -> usize {
        if SHORT.get().is_some() && LEFT.get() == Some(0) { len.div_ceil(2) } else { len }
    }
}
