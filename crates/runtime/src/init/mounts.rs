//! Mounts.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::mount::MountFlags;
use teu_sys::mount::{Log, attach, new_filesystem, set_attributes};

use super::path;
use crate::plan::{Mount, Source};

/// Makes a mount in the root, with its mount point.
pub(super) fn mount(root: BorrowedFd<'_>, mount: &Mount, log: &mut Log) -> Result<(), Errno> {
    match &mount.source {
        Source::Tree { mount: tree, directory } => attach(tree.as_fd(), target(root, mount, *directory)?.as_fd()),
        Source::New { kind, source, parameters, attributes } => {
            let new = new_filesystem(kind, Some(source), parameters, *attributes, log)?;
            for change in &mount.changes {
                set_attributes(new.as_fd(), change)?;
            }
            attach(new.as_fd(), target(root, mount, true)?.as_fd())
        }
        Source::Legacy { kind, source, data, flags } => {
            let at = target(root, mount, true)?;
            let mut name = [0u8; 32];
            let at = descriptor_path(&at, &mut name)?;
            let flags = MountFlags::from_bits_retain(*flags);
            rustix::mount::mount(source.as_c_str(), at, kind.as_c_str(), flags, Some(data.as_c_str()))?;
            let mounted = path::open(root, &mount.target)?;
            mount.changes.iter().try_for_each(|change| set_attributes(mounted.as_fd(), change))
        }
    }
}

fn target(root: BorrowedFd<'_>, mount: &Mount, directory: bool) -> Result<OwnedFd, Errno> {
    if !directory {
        return path::make_file(root, &mount.target);
    }
    if !mount.no_follow {
        return path::make_directories(root, &mount.target);
    }
    match path::open_no_follow(root, &mount.target) {
        Ok(fd) if path::file_type(&fd)?.is_dir() => Ok(fd),
        Ok(_) => Err(Errno::NOTDIR),
        Err(Errno::NOENT) => path::make_directories(root, &mount.target),
        Err(errno) => Err(errno),
    }
}

/// `/proc/self/fd/<number>` on the stack, for calls that take no descriptor.
fn descriptor_path<'b>(fd: &OwnedFd, buffer: &'b mut [u8; 32]) -> Result<&'b std::ffi::CStr, Errno> {
    use std::io::Write;
    let number = fd.as_raw_fd();
    let mut rest = &mut buffer[..];
    write!(rest, "/proc/self/fd/{number}\0").map_err(|_| Errno::NAMETOOLONG)?;
    std::ffi::CStr::from_bytes_until_nul(buffer).map_err(|_| Errno::NAMETOOLONG)
}
