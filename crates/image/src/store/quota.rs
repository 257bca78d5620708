//! Limits on what is written to a snapshot (`--storage-opt size=`): project quotas, each snapshot a project of its own.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use teu_sys::quota;

use super::Inner;
use super::open::SNAPSHOTS;
use crate::error::{Error, Result};

/// Where the numbers of projects begin: others who use projects begin at 1, or near it.
const FIRST: u32 = 0x5445_0000;

impl Inner {
    /// Limits the folder of a new snapshot, in which nothing is yet.
    pub(super) fn limit(&self, folder: &Path, size: u64) -> Result<()> {
        let limited = || -> io::Result<()> {
            let opened = File::open(folder)?;
            // Who takes a number holds this until the number is taken.
            let _one = self.projects.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            quota::project(opened.as_fd())?;
            let project = self.free_project()?;
            quota::set_project(opened.as_fd(), project)?;
            quota::limit(opened.as_fd(), project, size)
        };
        limited().map_err(|source| Error::Quota {
            folder: self.folder.clone(),
            kind: file_system(&self.folder),
            source,
        })
    }

    /// A number that no snapshot has.
    fn free_project(&self) -> io::Result<u32> {
        let mut free = FIRST;
        for entry in std::fs::read_dir(self.folder.join(SNAPSHOTS))? {
            // It may be removed just now.
            let Ok(folder) = File::open(entry?.path()) else { continue };
            let used = quota::project(folder.as_fd()).unwrap_or(0);
            if used >= free {
                free = used.checked_add(1).ok_or_else(|| io::Error::other("no number is left for a project"))?;
            }
        }
        Ok(free)
    }
}

/// Name of the file system of a folder, as mounts call it.
fn file_system(folder: &Path) -> String {
    let kind = rustix::fs::statfs(folder).map(|stat| stat.f_type).unwrap_or_default();
    let known = [
        (0xef53, "ext4"),
        (0x5846_5342, "xfs"),
        (0x9123_683e, "btrfs"),
        (0x0102_1994, "tmpfs"),
        (0xf2f5_2010, "f2fs"),
        (0x2fc1_2fc1, "zfs"),
    ];
    known
        .iter()
        .find(|(number, _)| *number == kind)
        .map_or_else(|| format!("{kind:#x}"), |(_, name)| (*name).to_owned())
}
