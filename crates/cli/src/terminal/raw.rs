//! Other modes of the terminal: raw, where every key goes to the container, and silent, for passwords.

use std::io;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

/// The terminal in raw mode; dropping this puts it back as it was.
#[derive(Debug)]
pub(crate) struct RawMode {
    before: Termios,
}

impl RawMode {
    /// Puts the terminal on standard input into raw mode; `None` when there is no terminal.
    pub(crate) fn enter() -> io::Result<Option<Self>> {
        if !super::is_stdin() {
            return Ok(None);
        }
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Some(Self { before }))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone cannot be restored.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// The key that interrupts, as a character.
pub(crate) const INTERRUPT: char = '\u{3}';

/// Reads from the terminal on standard input while it shows nothing of what is typed. [`INTERRUPT`] ends a line like
/// the others do, instead of ending the program: the terminal would stay silent.
pub(crate) fn silent<T>(read: impl FnOnce() -> T) -> io::Result<T> {
    let before = tcgetattr(io::stdin())?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    silent.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT as u8;
    tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
    let _restored = RawMode { before };
    Ok(read())
}
