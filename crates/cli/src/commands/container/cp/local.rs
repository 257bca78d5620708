//! The side of a copy that is here.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use teu_api::client::{BodyStream, RequestBody};
use teu_archive::{Form, Ownership, Packer, Rules, Tree, Unpacker};

use super::plan::{Plan, Source, split};
use super::stream::{self, Counter, Work};
use crate::error::{Error, go_io};

/// A source, opened.
#[derive(Debug)]
pub(super) struct Opened {
    /// The folder, or the one that the file is in.
    root: File,
    /// What is packed of it; empty for the folder itself.
    start: PathBuf,
}

/// Finds what is copied. With `follow` what a link leads to, under the link's name.
pub(super) fn source(path: &str, follow: bool) -> Result<(Source, Opened), Error> {
    let failed = |operation: &str, error: &io::Error| {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
        Error::from(go_io(operation, &whole.to_string_lossy(), error))
    };
    // A slash or a dot at the end follows by itself.
    let metadata = if follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
    let metadata = metadata.map_err(|error| failed("lstat", &error))?;
    let is_dir = metadata.is_dir();
    let whole = Path::new(path);
    let (root, start) = if is_dir {
        (whole.to_owned(), PathBuf::new())
    } else {
        let whole =
            if follow { std::fs::canonicalize(path).map_err(|e| failed("lstat", &e))? } else { whole.to_owned() };
        let parent = whole.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        (parent.to_owned(), PathBuf::from(whole.file_name().unwrap_or_default()))
    };
    let root = File::open(&root).map_err(|error| failed("open", &error))?;
    // `..` is no name that files could have elsewhere.
    let named = match split(path).1.as_str() {
        ".." => std::fs::canonicalize(path).map_err(|e| failed("lstat", &e))?.to_string_lossy().into_owned(),
        _ => path.to_owned(),
    };
    Ok((Source { path: named, is_dir, rebase: String::new() }, Opened { root, start }))
}

/// Packs a source under the name `base`.
pub(super) fn pack(source: Opened, base: String, copied: &Counter) -> (RequestBody, Work) {
    stream::made(copied, move |out| {
        let Opened { root, start } = source;
        let mut packer = Packer::new(out, Form::Plain);
        packer.add(Tree::new(root.as_fd()), &start, |path, _| {
            let rest = path.strip_prefix(&start).ok()?;
            let mut name = std::ffi::OsString::from(&base);
            if !rest.as_os_str().is_empty() {
                name.push("/");
                name.push(rest);
            }
            Some(PathBuf::from(name))
        })?;
        packer.finish().map(drop)
    })
}

/// Unpacks an archive as planned. With `archived` files become whose they were, if we may give them away.
pub(super) async fn unpack(archive: BodyStream, plan: Plan, archived: bool, copied: &Counter) -> Result<(), Error> {
    let reader = stream::reader(archive, copied);
    let ownership = if archived && rustix::process::geteuid().is_root() { Ownership::Archived } else { Ownership::Own };
    let work = move || -> Result<(), Error> {
        let folder = File::open(&plan.folder).map_err(|error| go_io("open", &plan.folder, &error))?;
        let rules = Rules { ownership, keep_kinds: true };
        let (old, new) = plan.rename.unwrap_or_default();
        let unpacker = Unpacker::new(Tree::new(folder.as_fd()), Path::new(""), rules);
        Ok(unpacker.rename(old.as_bytes(), new.as_bytes()).unpack(reader)?)
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::message(error.to_string()))?
}
