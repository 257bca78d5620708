//! Makes a tree of folders and files from the tree in memory, below open descriptors.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::{DATA, TREE};
use crate::layer::tree::{Inode, InodeId, Node, Tree};

/// The attribute by which overlayfs knows an opaque directory.
const OPAQUE: &str = "trusted.overlay.opaque";

/// Unpacks `tree` below `layer`, taking contents from its data folder. Answers where each file went.
pub(super) fn unpack(tree: &Tree, layer: &Path) -> io::Result<HashMap<InodeId, Vec<u8>>> {
    let open = |name| rustix::fs::open(layer.join(name), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let root = open(TREE)?;
    let mut unpacker = Unpacker { tree, data: open(DATA)?, root: root.try_clone()?, places: HashMap::new() };
    unpacker.children(Tree::ROOT, root.as_fd(), &mut Vec::new())?;
    unpacker.attributes_of_directory(tree.inode(Tree::ROOT), root.as_fd())?;
    Ok(unpacker.places)
}

struct Unpacker<'a> {
    tree: &'a Tree,
    data: OwnedFd,
    root: OwnedFd,
    /// The first name of what is there already.
    places: HashMap<InodeId, Vec<u8>>,
}

impl Unpacker<'_> {
    /// Unpacks what is in a directory. The depth is bounded by the limits on paths.
    fn children(&mut self, id: InodeId, dir: BorrowedFd<'_>, path: &mut Vec<u8>) -> io::Result<()> {
        let tree = self.tree;
        let Node::Directory { children, .. } = &tree.inode(id).node else { return Ok(()) };
        for (name, child) in children {
            let parent_len = path.len();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            self.child(*child, dir, name, path)?;
            path.truncate(parent_len);
        }
        Ok(())
    }

    fn child(&mut self, id: InodeId, dir: BorrowedFd<'_>, name: &[u8], path: &mut Vec<u8>) -> io::Result<()> {
        let inode = self.tree.inode(id);
        if let Node::Directory { .. } = inode.node {
            rustix::fs::mkdirat(dir, name, Mode::RWXU)?;
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let child = rustix::fs::openat(dir, name, flags, Mode::empty())?;
            self.children(id, child.as_fd(), path)?;
            return self.attributes_of_directory(inode, child.as_fd());
        }
        if let Some(first) = self.places.get(&id) {
            rustix::fs::linkat(&self.root, first.as_slice(), dir, name, AtFlags::empty())?;
            return Ok(());
        }
        self.places.insert(id, path.clone());
        self.node(id, inode, dir, name)?;
        self.attributes(inode, dir, name)
    }

    /// Makes what is no directory.
    fn node(&self, id: InodeId, inode: &Inode, dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
        let special =
            |kind, major, minor| rustix::fs::mknodat(dir, name, kind, Mode::RUSR, rustix::fs::makedev(major, minor));
        match &inode.node {
            Node::File(content) => match rustix::fs::renameat(&self.data, id.to_string(), dir, name) {
                Err(Errno::NOENT) => {
                    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                    let file = rustix::fs::openat(dir, name, flags, Mode::RUSR)?;
                    // Sparse from beginning to end.
                    rustix::fs::ftruncate(&file, content.size)
                }
                result => result,
            },
            Node::Symlink(target) => rustix::fs::symlinkat(target.as_slice(), dir, name),
            Node::CharDevice(major, minor) => special(FileType::CharacterDevice, *major, *minor),
            Node::BlockDevice(major, minor) => special(FileType::BlockDevice, *major, *minor),
            Node::Whiteout => special(FileType::CharacterDevice, 0, 0),
            Node::Fifo => special(FileType::Fifo, 0, 0),
            Node::Directory { .. } => Ok(()),
        }
        .map_err(Into::into)
    }

    /// Owner first: changing it takes set-id bits and capabilities away.
    fn attributes(&self, inode: &Inode, dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
        if let Node::Whiteout = inode.node {
            return Ok(());
        }
        let nofollow = AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::chownat(dir, name, Some(Uid::from_raw(inode.uid)), Some(Gid::from_raw(inode.gid)), nofollow)?;
        if !matches!(inode.node, Node::Symlink(_)) {
            // What was just made here is no link, so following none is met.
            rustix::fs::chmodat(dir, name, Mode::from_raw_mode(inode.mode.into()), AtFlags::empty())?;
        }
        if !inode.xattrs.is_empty() {
            // There is no `setxattrat` before Linux 6.13: the thread's own descriptor names the directory.
            let path = [format!("/proc/self/fd/{}/", raw(dir)).as_bytes(), name].concat();
            set_xattrs(inode, |key, value| rustix::fs::lsetxattr(path.as_slice(), key, value, XattrFlags::empty()))?;
        }
        Ok(rustix::fs::utimensat(dir, name, &times(inode), nofollow)?)
    }

    fn attributes_of_directory(&self, inode: &Inode, dir: BorrowedFd<'_>) -> io::Result<()> {
        rustix::fs::fchown(dir, Some(Uid::from_raw(inode.uid)), Some(Gid::from_raw(inode.gid)))?;
        rustix::fs::fchmod(dir, Mode::from_raw_mode(inode.mode.into()))?;
        set_xattrs(inode, |key, value| rustix::fs::fsetxattr(dir, key, value, XattrFlags::empty()))?;
        if let Node::Directory { opaque: true, .. } = inode.node {
            rustix::fs::fsetxattr(dir, OPAQUE, b"y", XattrFlags::empty())?;
        }
        Ok(rustix::fs::futimens(dir, &times(inode))?)
    }
}

/// Sets attributes; those of a kind that the file system or the kernel does not know are left out, as tar does.
fn set_xattrs(inode: &Inode, set: impl Fn(&[u8], &[u8]) -> Result<(), Errno>) -> io::Result<()> {
    for (key, value) in &inode.xattrs {
        match set(key, value) {
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            // `user.` attributes are for files and directories only.
            Err(Errno::PERM) if key.starts_with(b"user.") => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn times(inode: &Inode) -> Timestamps {
    let mtime = Timespec { tv_sec: inode.mtime.seconds, tv_nsec: inode.mtime.nanos.into() };
    Timestamps { last_access: mtime, last_modification: mtime }
}

fn raw(fd: BorrowedFd<'_>) -> i32 {
    use std::os::fd::AsRawFd;
    fd.as_raw_fd()
}
