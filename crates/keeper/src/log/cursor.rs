//! How far somebody who sends a log on has come, in a file beside the log.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A position in a log that is rotated: everything before it is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogCursor {
    /// The file, by its [`identity`](super::archive::identity).
    pub file: u64,
    /// Bytes of it, uncompressed.
    pub offset: u64,
    /// Time of the last entry before it in nanoseconds since the epoch: tells the file from a later one of the same
    /// identity, which is possible where the file system does not know when files were made.
    pub at: i64,
}

impl LogCursor {
    /// Reads it. None if there is none yet.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn load(path: &Path) -> io::Result<Option<LogCursor>> {
        match fs::read(path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it so that it is there as a whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn store(&self, path: &Path) -> io::Result<()> {
        let temporary = path.with_extension("new");
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(temporary, path)
    }
}
