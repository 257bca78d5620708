//! From a tree to an archive.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, major, minor};
use tar::{EntryType, Header};

use crate::owners::Owners;
use crate::walk::{self, Found, Tree, attribute};

/// What overlayfs marks a folder with that hides the one below.
const OPAQUE: &str = "trusted.overlay.opaque";
/// What an image's layer marks it with.
const OPAQUE_MARKER: &str = ".wh..wh..opq";
/// What an image's layer puts before the name of what is removed.
const WHITEOUT: &[u8] = b".wh.";
/// The attribute that archives carry. Others belong to the file system or the host's security.
pub(crate) const CAPABILITY: &str = "security.capability";
/// Its name in a PAX header.
pub(crate) const RECORD: &str = "SCHILY.xattr.security.capability";
/// The most that fits into a header's name and link (POSIX.1-1988).
const NAME: usize = 100;

/// What a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Files.
    Plain,
    /// The upper folder of an overlay: devices 0:0 stand for what is removed.
    Upper,
}

/// Writes what it finds into an archive, as Docker does: owners by number, times in whole seconds, no sockets.
pub struct Packer<W: Write> {
    tar: tar::Builder<W>,
    /// Files with more than one name, and the first of them.
    linked: HashMap<(u64, u64), PathBuf>,
    form: Form,
    owners: Option<Owners>,
}

impl<W: Write> Packer<W> {
    /// A packer that writes to `out`.
    pub fn new(out: W, form: Form) -> Self {
        Self { tar: tar::Builder::new(out), linked: HashMap::new(), form, owners: None }
    }

    /// Has owners in the archive that are not those in the tree.
    #[must_use]
    pub fn owners(mut self, owners: Option<Owners>) -> Self {
        self.owners = owners;
        self
    }

    /// Writes what is at `start` and below. `rename` turns a path in the tree into one in the archive, or leaves it (and,
    /// if it is a folder, all below) out. A folder without a name is left out, what is below it is not.
    ///
    /// # Errors
    /// The kernel's, and the writer's.
    pub fn add(
        &mut self,
        tree: Tree<'_>,
        start: &Path,
        mut rename: impl FnMut(&Path, &Found) -> Option<PathBuf>,
    ) -> io::Result<()> {
        walk::walk(tree, start, |path, found| match rename(path, found) {
            Some(name) if name.as_os_str().is_empty() => Ok(true),
            Some(name) => self.entry(&name, found).map(|()| true),
            None => Ok(false),
        })
    }

    /// Completes the archive.
    ///
    /// # Errors
    /// The writer's.
    pub fn finish(self) -> io::Result<W> {
        self.tar.into_inner()
    }

    fn entry(&mut self, name: &Path, found: &Found) -> io::Result<()> {
        let stat = &found.stat;
        let mut header = header(found);
        if let Some(owners) = &self.owners {
            let (uid, gid) = owners.or_nobody(stat.st_uid, stat.st_gid);
            header.set_uid(uid.into());
            header.set_gid(gid.into());
        }
        let kind = found.kind();
        if self.form == Form::Upper && kind == FileType::CharacterDevice && stat.st_rdev == 0 {
            return self.whiteout(name);
        }
        if kind != FileType::Directory && stat.st_nlink > 1 {
            if let Some(first) = self.linked.get(&(stat.st_dev, stat.st_ino)) {
                header.set_entry_type(EntryType::Link);
                header.set_size(0);
                let first = first.as_os_str().as_bytes().to_vec();
                return self.write(header, name.as_os_str().as_bytes(), &first, io::empty());
            }
            self.linked.insert((stat.st_dev, stat.st_ino), name.to_owned());
        }
        let bytes = name.as_os_str().as_bytes();
        match kind {
            FileType::RegularFile => {
                let content = walk::open_content(found)?;
                let value = attribute(found, CAPABILITY);
                self.capability(match &self.owners {
                    Some(owners) => value.map(|value| owners.capability_for_archive(value)),
                    None => value,
                })?;
                let size = header.size()?;
                // Somebody may be writing it: what was announced is what is sent.
                self.write(header, bytes, b"", content.chain(io::repeat(0)).take(size))
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&found.fd, "", Vec::new())?;
                self.write(header, bytes, target.as_bytes(), io::empty())
            }
            FileType::Directory => {
                let folder = if bytes.ends_with(b"/") { bytes.to_vec() } else { [bytes, b"/"].concat() };
                self.write(header, &folder, b"", io::empty())?;
                if self.form == Form::Upper && attribute(found, OPAQUE).is_some_and(|value| value == b"y") {
                    return self.marker(&name.join(OPAQUE_MARKER));
                }
                Ok(())
            }
            FileType::CharacterDevice | FileType::BlockDevice | FileType::Fifo => {
                self.write(header, bytes, b"", io::empty())
            }
            // Nobody listens at the other end of a copy.
            _ => Ok(()),
        }
    }

    /// The extended attribute of the next entry.
    pub(crate) fn capability(&mut self, value: Option<Vec<u8>>) -> io::Result<()> {
        let Some(value) = value else { return Ok(()) };
        let mut records = Vec::new();
        record(&mut records, RECORD, &value);
        let header = extension(EntryType::XHeader, "PaxHeaders.0/attributes", records.len());
        self.tar.append(&header, records.as_slice())
    }

    fn whiteout(&mut self, name: &Path) -> io::Result<()> {
        let removed = name.file_name().unwrap_or_default().as_bytes();
        let marker = std::ffi::OsStr::from_bytes(&[WHITEOUT, removed].concat()).to_owned();
        self.marker(&name.with_file_name(marker))
    }

    fn marker(&mut self, name: &Path) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(0);
        header.set_mode(0o600);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        self.write(header, name.as_os_str().as_bytes(), b"", io::empty())
    }

    /// Writes an entry. Names are bytes here, absolute ones included, which the tar library would refuse.
    pub(crate) fn write(&mut self, mut header: Header, name: &[u8], link: &[u8], content: impl Read) -> io::Result<()> {
        for (kind, text) in [(EntryType::GNULongLink, link), (EntryType::GNULongName, name)] {
            if text.len() > NAME {
                let header = extension(kind, "././@LongLink", text.len() + 1);
                self.tar.append(&header, text.chain(&b"\0"[..]))?;
            }
        }
        let old = header.as_old_mut();
        put(&mut old.name, name);
        put(&mut old.linkname, link);
        header.set_cksum();
        self.tar.append(&header, content)
    }
}

/// Copies as much of a text as fits.
fn put(field: &mut [u8; NAME], text: &[u8]) {
    let length = text.len().min(NAME);
    field[..length].copy_from_slice(&text[..length]);
}

/// A header before the entry that it is about.
fn extension(kind: EntryType, name: &str, length: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(length as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    put(&mut header.as_old_mut().name, name.as_bytes());
    header.set_cksum();
    header
}

/// A record of a PAX header: its own length, the length's digits included, then `name=value`.
fn record(records: &mut Vec<u8>, name: &str, value: &[u8]) {
    let rest = name.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {name}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

fn header(found: &Found) -> Header {
    let stat = &found.stat;
    let mut header = Header::new_gnu();
    header.set_entry_type(match found.kind() {
        FileType::Directory => EntryType::Directory,
        FileType::Symlink => EntryType::Symlink,
        FileType::CharacterDevice => EntryType::Char,
        FileType::BlockDevice => EntryType::Block,
        FileType::Fifo => EntryType::Fifo,
        _ => EntryType::Regular,
    });
    header.set_mode(stat.st_mode & 0o7777);
    header.set_uid(stat.st_uid.into());
    header.set_gid(stat.st_gid.into());
    // Times before 1970 have no place in the field.
    header.set_mtime(u64::try_from(stat.st_mtime).unwrap_or(0));
    let is_file = found.kind() == FileType::RegularFile;
    header.set_size(if is_file { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 });
    if matches!(found.kind(), FileType::CharacterDevice | FileType::BlockDevice) {
        // A GNU header has both fields.
        let _ = header.set_device_major(major(stat.st_rdev));
        let _ = header.set_device_minor(minor(stat.st_rdev));
    }
    header
}

#[cfg(test)]
mod tests {
    use super::record;

    #[test]
    fn records_count_themselves() {
        let text = |name: &str, value: &[u8]| {
            let mut records = Vec::new();
            record(&mut records, name, value);
            String::from_utf8(records).unwrap()
        };
        assert_eq!(text("a", b"b"), "6 a=b\n");
        // One digit more makes it one byte longer.
        for length in 1..200 {
            let line = text("path", &vec![b'x'; length]);
            let (number, _) = line.split_once(' ').unwrap();
            assert_eq!(number.parse::<usize>().unwrap(), line.len());
        }
    }
}
