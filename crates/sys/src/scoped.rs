//! Paths in a tree that a stranger made: whatever links are in it, they lead nowhere but into it.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::path::Arg;

/// Opens a path as it is for a process whose root is `root` (`openat2`, Linux 5.6), with `O_CLOEXEC`. Links of procfs that are no
/// names (`/proc/1/root`) are refused. Allocates nothing if the path is a `CStr`.
///
/// # Errors
/// The kernel's, but never `EAGAIN`: it is what is answered to a `..`, of a link for instance, when anything on the machine is
/// renamed or mounted at that moment, and the kernel cannot be sure that the path has not left the root (`openat2(2)`).
pub fn open(root: impl AsFd, path: impl Arg + Copy, flags: OFlags) -> Result<OwnedFd, Errno> {
    open_with(root, path, flags, ResolveFlags::empty())
}

/// As [`open`], with more that is refused on the way.
///
/// # Errors
/// As [`open`].
pub fn open_with(
    root: impl AsFd,
    path: impl Arg + Copy,
    flags: OFlags,
    refused: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | refused;
    loop {
        match rustix::fs::openat2(&root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn links_lead_into_the_root() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        std::fs::create_dir_all(root.join("usr/etc")).unwrap();
        std::fs::write(place.path().join("secret"), "").unwrap();
        std::fs::write(root.join("usr/etc/passwd"), "").unwrap();
        for (name, target) in
            [("etc", "/usr/etc"), ("up", "../../../usr"), ("out", "../secret"), ("magic", "/self/cwd")]
        {
            symlink(target, root.join(name)).unwrap();
        }
        let root = std::fs::File::open(root).unwrap();
        let open = |path: &str| open(&root, path, OFlags::RDONLY).map(drop);
        assert_eq!(open("etc/passwd"), Ok(()));
        assert_eq!(open("/up/etc/passwd"), Ok(()));
        assert_eq!(open("out"), Err(Errno::NOENT));
        let proc = std::fs::File::open("/proc").unwrap();
        assert_eq!(super::open(&proc, "self/cwd", OFlags::RDONLY).map(drop), Err(Errno::LOOP));
        assert_eq!(open_with(&root, "etc", OFlags::RDONLY, ResolveFlags::NO_SYMLINKS).map(drop), Err(Errno::LOOP));
    }

    /// Without trying again this fails each time it is run.
    #[test]
    fn renames_elsewhere_are_no_error() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(place.path().join("root/a/b/c/d")).unwrap();
        let (one, other) = (place.path().join("one"), place.path().join("other"));
        std::fs::create_dir(&one).unwrap();
        let root = std::fs::File::open(place.path().join("root")).unwrap();
        let path = "a/b/c/d/../../../../".repeat(20);
        let done = AtomicBool::new(false);
        let failed = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::fs::rename(&one, &other).and_then(|()| std::fs::rename(&other, &one)).unwrap();
                }
            });
            let failed = (0..2000).find_map(|_| open(&root, path.as_str(), OFlags::PATH).err());
            done.store(true, Ordering::Relaxed);
            failed
        });
        assert_eq!(failed, None);
    }
}
