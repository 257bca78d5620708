//! From an archive to a tree.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use tar::{Entry, EntryType, Header};

use crate::entries;
use crate::owners::Owners;
use crate::pack::{CAPABILITY, RECORD};
use crate::walk::{NOFOLLOW, Tree, names};

/// How deep a folder may be that is in the way and is removed. Each level holds a descriptor.
const MAX_DEPTH: usize = 256;

/// Whose the files become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Those whose the archive says they are.
    Archived,
    /// This user's and group's.
    Given(u32, u32),
    /// Those of whoever unpacks.
    Own,
}

/// How an archive is unpacked.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whose the files become.
    pub ownership: Ownership,
    /// A folder is not replaced by what is none, nor the other way round.
    pub keep_kinds: bool,
}

/// Writes an archive into a tree, at a folder of it. Links on the way are followed as if the tree's root were the file
/// system's, also where the archive itself made them; none leads out.
#[derive(Debug)]
pub struct Unpacker<'a> {
    tree: Tree<'a>,
    folder: PathBuf,
    rules: Rules,
    /// What names begin with, and what they are to begin with.
    renamed: (Vec<u8>, Vec<u8>),
    /// Folders whose times are set at the end: what is put into them would change them.
    folders: Vec<(OwnedFd, Timestamps)>,
    owners: Option<Owners>,
}

/// What can be wrong with an archive, beside the kernel's errors.
fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

impl<'a> Unpacker<'a> {
    /// An unpacker into `folder`, which exists.
    pub fn new(tree: Tree<'a>, folder: &Path, rules: Rules) -> Self {
        Self {
            tree,
            folder: folder.to_owned(),
            rules,
            renamed: (Vec::new(), Vec::new()),
            folders: Vec::new(),
            owners: None,
        }
    }

    /// Has owners in the tree that are not those in the archive.
    #[must_use]
    pub fn owners(mut self, owners: Option<Owners>) -> Self {
        // Folders that the archive goes through without naming them belong to whom its root is.
        self.tree = self.tree.owned_by(owners.as_ref().and_then(|owners| owners.of(0, 0)));
        self.owners = owners;
        self
    }

    /// Replaces what names in the archive begin with.
    #[must_use]
    pub fn rename(mut self, from: &[u8], to: &[u8]) -> Self {
        self.renamed = (from.to_vec(), to.to_vec());
        self
    }

    /// A name in the archive as a path below the folder.
    fn path_of(&self, name: &[u8]) -> io::Result<PathBuf> {
        clean(&renamed(name, &self.renamed.0, &self.renamed.1))
    }

    /// Unpacks the whole archive.
    ///
    /// # Errors
    /// The kernel's and the reader's; `InvalidData` if the archive is malformed, or is not to replace what is there. What
    /// came before the error stays.
    pub fn unpack(mut self, from: impl Read) -> io::Result<()> {
        entries::each(from, |entry| self.entry(entry))?;
        for (folder, times) in self.folders.iter().rev() {
            rustix::fs::futimens(folder, times)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &mut Entry<'_, impl Read>) -> io::Result<()> {
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            return Ok(());
        }
        let shown = entry.path_bytes().into_owned();
        let name = self.path_of(&shown)?;
        let Some(base) = name.file_name() else {
            // The folder itself.
            return Ok(());
        };
        let path = self.folder.join(&name);
        let parent = self.tree.make_folder(path.parent().unwrap_or(Path::new("")))?;
        let is_folder = kind == EntryType::Directory || (kind == EntryType::Regular && shown.ends_with(b"/"));
        let replaced = self.make_room(parent.as_fd(), base, is_folder)?;
        match kind {
            _ if is_folder => return self.folder(entry, parent.as_fd(), base, replaced),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.file(entry, parent.as_fd(), base, replaced)?;
            }
            EntryType::Link => return self.hard_link(entry, parent.as_fd(), base),
            EntryType::Symlink => {
                let target = entry.link_name_bytes().ok_or_else(|| invalid("a link without target".to_owned()))?;
                rustix::fs::symlinkat(target.as_ref(), &parent, base)?;
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => special(entry, parent.as_fd(), base)?,
            other => return Err(invalid(format!("unhandled tar header type {:?}", char::from(other.as_byte())))),
        }
        self.attributes(entry, parent.as_fd(), base)
    }

    /// Removes what is in the way. Answers what is left there: a folder that stays, or what cannot be removed because
    /// something is mounted there.
    fn make_room(&self, parent: BorrowedFd<'_>, name: &OsStr, is_folder: bool) -> io::Result<Option<FileType>> {
        let stat = match rustix::fs::statat(parent, name, NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let there = FileType::from_raw_mode(stat.st_mode);
        let shown = name.display();
        match (there == FileType::Directory, is_folder) {
            (true, true) => return Ok(Some(there)),
            (true, false) if self.rules.keep_kinds => {
                return Err(invalid(format!("cannot overwrite directory \"{shown}\" with non-directory \"{shown}\"")));
            }
            (false, true) if self.rules.keep_kinds => {
                return Err(invalid(format!("cannot overwrite non-directory \"{shown}\" with directory \"{shown}\"")));
            }
            _ => {}
        }
        match remove(parent, name, there, 0) {
            Ok(()) => Ok(None),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::BUSY) => Ok(Some(there)),
            Err(error) => Err(error),
        }
    }

    fn folder(
        &mut self,
        entry: &Entry<'_, impl Read>,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        there: Option<FileType>,
    ) -> io::Result<()> {
        if there.is_none() {
            rustix::fs::mkdirat(parent, name, Mode::RWXU)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(parent, name, flags, Mode::empty())?;
        if let Some((uid, gid)) = self.owner(entry)? {
            rustix::fs::fchown(&folder, Some(uid), Some(gid))?;
        }
        rustix::fs::fchmod(&folder, mode(entry)?)?;
        let times = times(entry)?;
        rustix::fs::futimens(&folder, &times)?;
        // The last ones are those that are still being filled; more descriptors than these are not kept.
        if self.folders.len() >= MAX_DEPTH {
            let (done, times) = self.folders.remove(0);
            rustix::fs::futimens(done, &times)?;
        }
        self.folders.push((folder, times));
        Ok(())
    }

    fn file(
        &self,
        entry: &mut Entry<'_, impl Read>,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        there: Option<FileType>,
    ) -> io::Result<()> {
        let how = match there {
            None => OFlags::CREATE | OFlags::EXCL,
            // A file is mounted here, such as /etc/hosts: it keeps its place and gets other content.
            Some(FileType::RegularFile) => OFlags::TRUNC,
            Some(_) => return Err(Errno::BUSY.into()),
        };
        let flags = how | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = std::fs::File::from(rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR)?);
        io::copy(entry, &mut file)?;
        file.flush()
    }

    fn hard_link(&self, entry: &Entry<'_, impl Read>, parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
        let target = entry.link_name_bytes().ok_or_else(|| invalid("a link without target".to_owned()))?;
        let target = self.path_of(&target)?;
        let base = target.file_name().ok_or_else(|| invalid("a hard link to a folder".to_owned()))?;
        let folder = self.tree.resolve(&self.folder.join(target.parent().unwrap_or(Path::new(""))))?;
        Ok(rustix::fs::linkat(&folder.fd, base, parent, name, AtFlags::empty())?)
    }

    fn owner(&self, entry: &Entry<'_, impl Read>) -> io::Result<Option<(Uid, Gid)>> {
        let number = |value: u64| match u32::try_from(value) {
            // The kernel takes the greatest for "leave it".
            Ok(id) if id != u32::MAX => Ok(id),
            _ => Err(invalid(format!("owner {value} is out of range"))),
        };
        let (uid, gid) = match self.rules.ownership {
            Ownership::Own => return Ok(None),
            Ownership::Given(uid, gid) => (uid, gid),
            Ownership::Archived => {
                let (old, header) = (entry.header().as_old(), entry.header());
                let uid = if is_blank(&old.uid) { 0 } else { header.uid()? };
                let gid = if is_blank(&old.gid) { 0 } else { header.gid()? };
                (number(uid)?, number(gid)?)
            }
        };
        let (uid, gid) = match &self.owners {
            None => (uid, gid),
            Some(owners) => owners.of(uid, gid).ok_or_else(|| {
                invalid(format!("owner {uid}:{gid} is not among the ids that the container's user namespace has"))
            })?,
        };
        Ok(Some((Uid::from_raw(uid), Gid::from_raw(gid))))
    }

    /// Owner, permissions, attributes and times of what was just made. Owner first: changing it takes set-id bits away.
    fn attributes(&self, entry: &mut Entry<'_, impl Read>, parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
        let owner = self.owner(entry)?;
        let (mode, times) = (mode(entry)?, times(entry)?);
        let kind = entry.header().entry_type();
        let found = rustix::fs::openat(parent, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        if let Some((uid, gid)) = owner {
            rustix::fs::chownat(&found, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
        }
        if kind == EntryType::Symlink {
            return Ok(rustix::fs::utimensat(parent, name, &times, NOFOLLOW)?);
        }
        // A descriptor that is for looking only is changed through its name in `/proc`.
        let path = format!("/proc/self/fd/{}", found.as_raw_fd());
        rustix::fs::chmod(path.as_str(), mode)?;
        if let Some(value) = capability(entry)? {
            let value = match &self.owners {
                Some(owners) => owners.capability_for_tree(value),
                None => value,
            };
            match rustix::fs::setxattr(path.as_str(), CAPABILITY, &value, XattrFlags::empty()) {
                Ok(()) | Err(Errno::OPNOTSUPP) => {}
                // Whoever unpacks for himself may not be allowed to.
                Err(Errno::PERM) if self.rules.ownership == Ownership::Own => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(rustix::fs::utimensat(rustix::fs::CWD, path.as_str(), &times, AtFlags::empty())?)
    }
}

/// Whether a number was left out, which means zero to other readers.
fn is_blank(field: &[u8]) -> bool {
    field.iter().all(|byte| matches!(byte, 0 | b' '))
}

/// A name with another beginning; names that begin otherwise stay.
pub(crate) fn renamed(name: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match name.strip_prefix(from) {
        Some(rest) => [to, rest].concat(),
        None => name.to_vec(),
    }
}

/// A name in an archive as a relative path. One that leads out of the archive is refused.
fn clean(name: &[u8]) -> io::Result<PathBuf> {
    let mut path = PathBuf::new();
    for part in Path::new(OsStr::from_bytes(name)).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::ParentDir if !path.pop() => {
                return Err(invalid(format!("invalid path {:?}: it leads out", String::from_utf8_lossy(name))));
            }
            _ => {}
        }
    }
    Ok(path)
}

fn special(entry: &Entry<'_, impl Read>, parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    let header = entry.header();
    let (kind, device) = match header.entry_type() {
        EntryType::Char => (FileType::CharacterDevice, device(header)?),
        EntryType::Block => (FileType::BlockDevice, device(header)?),
        // GNU tar leaves the fields of the numbers blank.
        _ => (FileType::Fifo, 0),
    };
    Ok(rustix::fs::mknodat(parent, name, kind, Mode::RUSR, device)?)
}

fn device(header: &Header) -> io::Result<u64> {
    Ok(rustix::fs::makedev(header.device_major()?.unwrap_or(0), header.device_minor()?.unwrap_or(0)))
}

pub(crate) fn capability(entry: &mut Entry<'_, impl Read>) -> io::Result<Option<Vec<u8>>> {
    let Some(extensions) = entry.pax_extensions()? else { return Ok(None) };
    for extension in extensions {
        let extension = extension?;
        if extension.key_bytes() == RECORD.as_bytes() {
            return Ok(Some(extension.value_bytes().to_vec()));
        }
    }
    Ok(None)
}

fn mode(entry: &Entry<'_, impl Read>) -> io::Result<Mode> {
    let header = entry.header();
    let mode = if is_blank(&header.as_old().mode) { 0 } else { header.mode()? };
    Ok(Mode::from_raw_mode(mode & 0o7777))
}

fn times(entry: &Entry<'_, impl Read>) -> io::Result<Timestamps> {
    let header = entry.header();
    let seconds = if is_blank(&header.as_old().mtime) { 0 } else { header.mtime()? };
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Ok(Timestamps { last_access: time, last_modification: time })
}

/// Removes a file or a whole folder.
fn remove(parent: BorrowedFd<'_>, name: &OsStr, kind: FileType, depth: usize) -> io::Result<()> {
    if kind != FileType::Directory {
        return Ok(rustix::fs::unlinkat(parent, name, AtFlags::empty())?);
    }
    if depth > MAX_DEPTH {
        return Err(invalid(format!("{} is nested too deep to be replaced", name.display())));
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    for child in names(folder.as_fd())? {
        let stat = rustix::fs::statat(&folder, child.as_os_str(), NOFOLLOW)?;
        remove(folder.as_fd(), &child, FileType::from_raw_mode(stat.st_mode), depth + 1)?;
    }
    Ok(rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?)
}
