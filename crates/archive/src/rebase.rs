//! The same archive with other names.

use std::io::{self, Read, Write};

use crate::entries;
use crate::pack::{Form, Packer};
use crate::unpack::{capability, renamed};

/// Copies an archive, replacing what names begin with.
///
/// # Errors
/// The reader's and the writer's; if the archive is malformed.
pub fn rebase(from: impl Read, to: impl Write, old: &[u8], new: &[u8]) -> io::Result<()> {
    let mut packer = Packer::new(to, Form::Plain);
    entries::each(from, |entry| {
        let name = renamed(&entry.path_bytes(), old, new);
        let mut link = entry.link_name_bytes().map(|link| link.into_owned()).unwrap_or_default();
        if entry.header().entry_type() == tar::EntryType::Link {
            link = renamed(&link, old, new);
        }
        packer.capability(capability(entry)?)?;
        let header = plain(entry.header(), entry.size())?;
        packer.write(header, &name, &link, entry)
    })?;
    packer.finish()?.flush()
}

/// The header without its names, in the form that the packer writes.
fn plain(old: &tar::Header, size: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(old.entry_type());
    header.set_mode(old.mode()?);
    header.set_uid(old.uid()?);
    header.set_gid(old.gid()?);
    header.set_mtime(old.mtime()?);
    header.set_size(size);
    if matches!(old.entry_type(), tar::EntryType::Char | tar::EntryType::Block) {
        header.set_device_major(old.device_major()?.unwrap_or(0))?;
        header.set_device_minor(old.device_minor()?.unwrap_or(0))?;
    }
    Ok(header)
}
