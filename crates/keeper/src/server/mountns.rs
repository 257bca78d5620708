//! A small mount namespace.
//!
//! Each clone with a mount namespace of its own copies the caller's table: a thousand mounts that have nothing to do with
//! containers cost 2 ms each time. The keeper therefore lives in a namespace with only the mounts it needs. Nothing
//! propagates into it; whatever a container binds from the host comes as a descriptor from the daemon.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{fchdir, pivot_root};
use rustix::thread::UnshareFlags;
use teu_sys::mount::{Propagation, attach, clone_tree, set_propagation};
use teu_sys::process::unshare;

use super::Options;

/// Always needed, where they are mounts. Controllers are mounted below the last.
const SYSTEM: [&str; 6] = ["/", "/proc", "/sys", "/dev", "/dev/pts", "/sys/fs/cgroup"];

/// Moves into a namespace with only the needed mounts. The working directory becomes its root.
///
/// # Errors
/// The process may be in a namespace of its own with all mounts then, which works as well.
pub(super) fn enter(options: &Options, data_root: &Path) -> io::Result<()> {
    fs::create_dir_all(&options.exec_root)?;
    let mut targets = vec![options.exec_root.join("containers"), data_root.join("containers")];
    // A later upgrade looks for the executable.
    targets.extend(std::env::args_os().next().map(PathBuf::from).filter(|p| p.is_absolute()));
    let needed = needed(&fs::read("/proc/self/mountinfo")?, &targets);
    unshare(UnshareFlags::NEWNS)?;
    set_propagation(c"/", Propagation::Private, true)?;
    let clones: Vec<(PathBuf, OwnedFd)> = needed.into_iter().map(clone).collect::<io::Result<_>>()?;
    let mut clones = clones.into_iter();
    let (_, root) = clones.next().ok_or(io::ErrorKind::NotFound)?;
    let at = &options.exec_root;
    attach_at(&root, at)?;
    let root = openat(CWD, at, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for (path, mount) in clones {
        attach_at(&mount, &at.join(path.strip_prefix("/").unwrap_or(&path)))?;
    }
    fchdir(&root)?;
    pivot_root(".", ".")?;
    // The old root is on top of the new one now.
    unmount(".", UnmountFlags::DETACH)?;
    std::env::set_current_dir("/")
}

fn clone(path: PathBuf) -> io::Result<(PathBuf, OwnedFd)> {
    let dir = openat(CWD, &path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let mount = clone_tree(dir.as_fd(), c"", false)?;
    Ok((path, mount))
}

fn attach_at(mount: &OwnedFd, path: &Path) -> io::Result<()> {
    let target = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    Ok(attach(mount.as_fd(), target.as_fd())?)
}

/// Mount points to keep, each after those that it is below.
fn needed(mountinfo: &[u8], targets: &[PathBuf]) -> BTreeSet<PathBuf> {
    let keep = |point: &PathBuf| {
        SYSTEM.iter().any(|path| point == Path::new(path))
            || point.starts_with("/sys/fs/cgroup")
            || targets.iter().any(|target| target.starts_with(point))
    };
    mountinfo.split(|&b| b == b'\n').filter_map(mount_point).filter(keep).collect()
}

/// The fifth field of a line of `mountinfo`, in which white space and backslashes are octal (proc_pid_mountinfo(5)).
fn mount_point(line: &[u8]) -> Option<PathBuf> {
    let field = line.split(|&b| b == b' ').nth(4)?;
    let mut point = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| byte == b'\\').and_then(|o| str::from_utf8(o).ok());
        match code.and_then(|octal| u8::from_str_radix(octal, 8).ok()) {
            Some(code) => {
                point.push(code);
                rest = &after[3..];
            }
            None => {
                point.push(byte);
                rest = after;
            }
        }
    }
    Some(OsString::from_vec(point).into())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn only_what_is_needed_is_kept_in_order() {
        let mountinfo = b"22 27 0:21 / /proc rw - proc proc rw\n\
            27 1 254:0 / / rw - ext4 /dev/vda rw\n\
            28 27 0:40 / /home rw - ext4 /dev/vdb rw\n\
            29 27 0:41 / /var/lib/my\\040data rw - xfs /dev/vdc rw\n\
            30 27 0:42 / /var rw - xfs /dev/vdd rw\n\
            31 27 0:43 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n\
            32 27 0:44 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw\n\
            33 27 0:45 / /run rw - tmpfs tmpfs rw\n\
            34 33 0:45 / /run/user/0 rw - tmpfs tmpfs rw\n";
        let kept = needed(mountinfo, &["/run/teu/containers".into(), "/var/lib/my data/teu".into()]);
        let expected = ["/", "/proc", "/run", "/sys/fs/cgroup/cpu", "/var", "/var/lib/my data"];
        assert!(kept.iter().map(|p| p.as_os_str()).eq(expected.map(OsStr::new)), "{kept:?}");
    }

    #[test]
    fn mount_points_are_unescaped() {
        assert_eq!(mount_point(b"1 2 3:4 / /a\\040b\\134c\\ rw").unwrap().as_os_str().as_bytes(), b"/a b\\c\\");
        assert_eq!(mount_point(b"short"), None);
    }
}
