//! Mounts.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use teu_sys::mount::{self as sys, Attributes, Change, Log, api, attach, bind, change, new_filesystem};

use super::path;
use crate::plan::{Inside, Mount, Source};

/// Makes a mount in the root, with its mount point. Yields it if it is a new procfs as the kernel has it.
pub(super) fn mount(root: BorrowedFd<'_>, mount: &Mount, log: &mut Log) -> Result<Option<OwnedFd>, Errno> {
    match &mount.source {
        Source::Tree { mount: tree, directory } => {
            attach(tree.as_fd(), target(root, mount, *directory)?.as_fd())?;
            make_changes(tree.as_fd(), mount)?;
        }
        Source::Context { context, attributes } => {
            let new = sys::mount_context(context.as_fd(), *attributes)?;
            attach(new.as_fd(), target(root, mount, true)?.as_fd())?;
            make_changes(new.as_fd(), mount)?;
        }
        Source::Bind { path, directory, recursive } => {
            let source = rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
            let at = target(root, mount, *directory)?;
            let bound = bind(source.as_fd(), *recursive, at.as_fd())?;
            make_changes(bound.map_or_else(|| path::open(root, &mount.target), Ok)?.as_fd(), mount)?;
        }
        Source::New { kind, source, parameters, attributes } => match &parameters.list {
            Some(list) if api().detached => {
                let new = new_filesystem(kind, Some(source), list, *attributes, log)?;
                put_inside(new.as_fd(), mount)?;
                attach(new.as_fd(), target(root, mount, true)?.as_fd())?;
                make_changes(new.as_fd(), mount)?;
                let complete = list.is_empty() && !attributes.contains(Attributes::RDONLY);
                return Ok((complete && kind.as_c_str() == c"proc").then_some(new));
            }
            _ => {
                let (data, superblock) = (&parameters.data, parameters.superblock);
                sys::mount(kind, source, data, superblock, *attributes, target(root, mount, true)?.as_fd())?;
                let mounted = path::open(root, &mount.target)?;
                put_inside(mounted.as_fd(), mount)?;
                if attributes.contains(Attributes::RDONLY) {
                    change(mounted.as_fd(), &Change::set(Attributes::RDONLY))?;
                }
                make_changes(mounted.as_fd(), mount)?;
            }
        },
    }
    Ok(None)
}

/// Makes what a new file system has in it from the beginning.
fn put_inside(new: BorrowedFd<'_>, mount: &Mount) -> Result<(), Errno> {
    mount.inside.iter().try_for_each(|entry| match entry {
        Inside::Directory(name) => rustix::fs::mkdirat(new, name, Mode::from_raw_mode(0o755)),
        Inside::Link { name, target } => rustix::fs::symlinkat(target, new, name),
    })
}

fn make_changes(made: BorrowedFd<'_>, mount: &Mount) -> Result<(), Errno> {
    mount.changes.iter().try_for_each(|wanted| change(made, wanted))
}

/// The mount point. A folder on a file, or the other way round, is `ENOTDIR`: of trees the kernel says `EINVAL`, which
/// tells nobody what is wrong.
fn target(root: BorrowedFd<'_>, mount: &Mount, directory: bool) -> Result<OwnedFd, Errno> {
    let found = if !directory {
        path::make_file(root, &mount.target)?
    } else if mount.no_follow {
        match path::open_no_follow(root, &mount.target) {
            Err(Errno::NOENT) => path::make_directories(root, &mount.target)?,
            other => other?,
        }
    } else {
        path::make_directories(root, &mount.target)?
    };
    if path::file_type(&found)?.is_dir() == directory { Ok(found) } else { Err(Errno::NOTDIR) }
}
