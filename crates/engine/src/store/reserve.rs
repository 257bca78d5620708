//! Room that is kept for the writes on a full disk: without any, nothing could be removed to make more.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate};

/// As much as a few hundred changes need in the database's log.
const SIZE: u64 = 2 << 20;
/// How long after it was needed it is made again, if there is room.
const AGAIN: Duration = Duration::from_secs(30);

/// The room: a file with nothing in it.
pub(super) struct Reserve {
    path: PathBuf,
    /// When it was given away; none while it is there.
    given: Option<Instant>,
}

impl Reserve {
    /// Beside a database. That there is no room for it is no failure.
    pub(super) fn beside(database: &Path) -> Reserve {
        let mut reserve = Reserve { path: database.with_extension("reserve"), given: None };
        reserve.make();
        reserve
    }

    /// Gives the room away; false if there is none.
    pub(super) fn give(&mut self) -> bool {
        if self.given.is_some() || fs::remove_file(&self.path).is_err() {
            return false;
        }
        self.given = Some(Instant::now());
        true
    }

    /// Makes it anew some time after it was given away.
    pub(super) fn renew(&mut self) {
        if self.given.is_some_and(|given| given.elapsed() >= AGAIN) {
            self.make();
        }
    }

    fn make(&mut self) {
        if fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() == SIZE) {
            return self.given = None;
        }
        let made = File::create(&self.path)
            .and_then(|file| Ok(fallocate(file, FallocateFlags::empty(), 0, SIZE)?))
            // Half of it is of no use.
            .inspect_err(|_| drop(fs::remove_file(&self.path)));
        self.given = made.is_err().then(Instant::now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_given_once_and_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("state.db");
        let mut reserve = Reserve::beside(&database);
        let file = folder.path().join("state.reserve");
        assert_eq!(fs::metadata(&file).expect("room").len(), SIZE);
        assert!(reserve.give() && !file.exists() && !reserve.give());
        reserve.renew();
        assert!(!file.exists(), "not yet");
        reserve.given = Instant::now().checked_sub(AGAIN);
        reserve.renew();
        assert!(file.exists() && reserve.give());
    }
}
