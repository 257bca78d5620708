//! What is the same in every container: directories of the caller's that containers are given instead of file systems of their
//! own, each of which takes some 10 KiB of kernel memory and a dozen system calls.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, OsString};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use teu_sys::cgroup::Hierarchy;

use crate::plan::cgroup_mount;

/// What hides directories.
const EMPTY: &str = "empty";
/// What version 1's hierarchies are mounted in.
const HIERARCHIES: &str = "cgroup";

/// Directories that containers have in common.
#[derive(Debug)]
pub struct CommonDirectories {
    empty: CString,
    hierarchies: CString,
    /// What there is in `hierarchies`.
    names: BTreeSet<OsString>,
}

impl CommonDirectories {
    /// Takes them over where they are, or makes them. Nobody else may write there, and while containers run nothing may be
    /// removed: the kernel takes away what is mounted on a directory with the directory, in all namespaces.
    ///
    /// # Errors
    /// That they cannot be made, that there is something in the one that has to be empty, or that version 1's hierarchies
    /// cannot be found out.
    pub fn make(at: &Path) -> io::Result<CommonDirectories> {
        let (empty, hierarchies) = (at.join(EMPTY), at.join(HIERARCHIES));
        for directory in [at, &empty, &hierarchies] {
            make_directory(directory)?;
        }
        if names(&empty)?.first().is_some() {
            return Err(io::Error::new(io::ErrorKind::DirectoryNotEmpty, format!("{} is not empty", empty.display())));
        }
        let hierarchy = Hierarchy::detect().map_err(io::Error::other)?;
        let mounted = hierarchy.mount_points().filter(|(_, v2)| !v2).map(|(path, _)| path);
        for (name, target) in cgroup_mount::entries(mounted) {
            let path = hierarchies.join(name);
            match target {
                None => make_directory(&path)?,
                Some(target) => exists_or(symlink(target, path))?,
            }
        }
        let c_path = |path: &Path| CString::new(path.as_os_str().as_bytes());
        Ok(CommonDirectories {
            names: names(&hierarchies)?,
            empty: c_path(&empty)?,
            hierarchies: c_path(&hierarchies)?,
        })
    }

    /// A directory with nothing in it.
    pub(crate) fn empty(&self) -> &CStr {
        &self.empty
    }

    /// A directory with these entries, to mount hierarchies in.
    pub(crate) fn hierarchies(&self, names: &BTreeSet<OsString>) -> Option<&CStr> {
        (self.names == *names).then_some(&self.hierarchies)
    }
}

/// Makes a directory of mode 0755, whatever the caller's mask.
fn make_directory(path: &Path) -> io::Result<()> {
    exists_or(fs::create_dir(path))?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
}

fn exists_or(made: io::Result<()>) -> io::Result<()> {
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn names(directory: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_made_once_and_taken_over_as_they_are() {
        let place = tempfile::tempdir().unwrap();
        let at = place.path().join("common");
        let made = CommonDirectories::make(&at).unwrap();
        let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(at.join(EMPTY)).unwrap());
        let before = inode();
        let again = CommonDirectories::make(&at).unwrap();
        assert_eq!((inode(), &again.names), (before, &made.names));
        assert!(again.hierarchies(&made.names).is_some());
        assert!(again.hierarchies(&BTreeSet::from(["nosuch".into()])).is_none());
        fs::write(at.join(EMPTY).join("file"), "").unwrap();
        assert_eq!(CommonDirectories::make(&at).unwrap_err().kind(), io::ErrorKind::DirectoryNotEmpty);
    }
}
