//! Protection of the executable.
//!
//! A process that enters a container has this executable as `/proc/self/exe` until it executes the container's program. A
//! container could get it executed inside, and then write to it through that link (CVE-2019-5736). What enters containers
//! therefore runs from an overlay without an upper layer, in a mount that is in no namespace: the superblock itself is
//! read-only and cannot be made writable, not even with `CAP_SYS_ADMIN`, which a read-only bind mount does not give.
//! Where there is no overlayfs, a sealed copy in memory serves.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::fs::{CWD, MemfdFlags, Mode, OFlags, SealFlags};
use teu_sys::mount::{Attributes, Log, Parameter, new_filesystem};
use teu_sys::process::{CStringArray, execveat};

/// Magic number of overlayfs (`linux/magic.h`).
const OVERLAYFS_SUPER_MAGIC: i64 = 0x794c_7630;
/// The link to what runs.
const EXE: &str = "/proc/self/exe";

/// Makes sure that this process runs from a protected executable: returns if it does, re-executes it with the same
/// arguments and environment if not. To be called first in `main`, before threads and open files.
///
/// # Errors
/// If no protected copy can be made or executed.
pub fn protect_executable() -> io::Result<()> {
    let exe = rustix::fs::open(EXE, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    if is_protected(&exe)? {
        return Ok(());
    }
    let copy = overlay(false).or_else(|_| overlay(true)).or_else(|_| memory(exe))?;
    let args = strings(std::env::args_os())?;
    let env = strings(std::env::vars_os().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        name
    }))?;
    Err(execveat(copy.as_fd(), &args, &env).into())
}

fn strings(list: impl Iterator<Item = OsString>) -> io::Result<CStringArray> {
    let list = list.map(|s| CString::new(s.into_vec())).collect::<Result<_, _>>();
    Ok(CStringArray::new(list.map_err(|_| io::ErrorKind::InvalidInput)?))
}

fn is_protected(exe: &OwnedFd) -> io::Result<bool> {
    let seals = rustix::fs::fcntl_get_seals(exe).unwrap_or(SealFlags::empty());
    if seals.contains(SealFlags::WRITE) {
        return Ok(true);
    }
    let fs = rustix::fs::fstatvfs(exe)?;
    #[allow(clippy::useless_conversion, reason = "the type of the field differs between architectures")]
    let magic = i64::try_from(rustix::fs::fstatfs(exe)?.f_type).unwrap_or(0);
    let read_only = fs.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY);
    // In a mount that is in no namespace, a path ends at the mount's root, where the executable is.
    let top = std::fs::read_link(EXE)?.parent() == Some(Path::new("/"));
    Ok(magic == OVERLAYFS_SUPER_MAGIC && read_only && top)
}

/// The executable in a read-only overlay of its directory. An overlay without an upper layer needs two lower ones: the
/// second is a directory of sysfs, or (`own_layer`) a new tmpfs, whose end costs another RCU grace period (and which
/// Linux refuses before 6.15).
fn overlay(own_layer: bool) -> io::Result<OwnedFd> {
    let path = std::fs::read_link(EXE)?;
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return Err(io::ErrorKind::NotFound.into()) };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::openat(CWD, dir, flags, Mode::empty())?;
    let attributes = Attributes::NODEV | Attributes::NOSUID | Attributes::RDONLY;
    let second = match own_layer {
        true => new_filesystem(c"tmpfs", Some(c"tmpfs"), &[], attributes, &mut Log::default())?,
        false => rustix::fs::openat(CWD, c"/sys/kernel", flags, Mode::empty())?,
    };
    let layers = format!("/proc/self/fd/{}:/proc/self/fd/{}", dir.as_raw_fd(), second.as_raw_fd());
    let layers = CString::new(layers).map_err(|_| io::ErrorKind::InvalidInput)?;
    let lower = [Parameter::Value(c"lowerdir".into(), layers)];
    let overlay = new_filesystem(c"overlay", Some(c"teu"), &lower, attributes, &mut Log::default())?;
    let name = CString::new(name.as_bytes()).map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(rustix::fs::openat(&overlay, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?)
}

/// A sealed copy of the executable in memory.
fn memory(exe: OwnedFd) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // The flag that says "to be executed" came with Linux 6.3.
    let copy = rustix::fs::memfd_create(c"teu", flags | MemfdFlags::EXEC)
        .or_else(|_| rustix::fs::memfd_create(c"teu", flags))?;
    let mut copy = File::from(copy);
    io::copy(&mut File::from(exe), &mut copy)?;
    let copy = OwnedFd::from(copy);
    rustix::fs::fcntl_add_seals(&copy, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_in_memory_is_sealed_and_the_test_itself_is_not() {
        let open = || rustix::fs::open(EXE, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        assert!(!is_protected(&open()).unwrap());
        let copy = memory(open()).unwrap();
        assert!(is_protected(&copy).unwrap());
        assert!(rustix::io::write(&copy, b"x").is_err());
    }

    #[test]
    fn an_overlay_has_the_executable_and_cannot_be_written() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        // A layer of its own is a mount outside of every namespace: Linux 6.12 refuses it.
        let copies: Vec<OwnedFd> = [false, true].into_iter().filter_map(|own| overlay(own).ok()).collect();
        assert!(!copies.is_empty(), "{:?}", overlay(false).err());
        for copy in copies {
            let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
            assert_eq!(std::fs::metadata(&path).unwrap().len(), std::fs::metadata(EXE).unwrap().len());
            let error = std::fs::OpenOptions::new().write(true).open(&path).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::ROFS.raw_os_error()));
        }
    }
}
