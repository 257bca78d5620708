//! Copying files into and out of a container, as archives.

use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, StatVfsMountFlags};
use rustix::io::Errno;
use teu_api::container::{ArchiveOptions, PathStat};
use teu_archive::{Form, Found, Owners, Ownership, Packer, Rules, Tree, Unpacker};
use tokio::io::AsyncRead;
use tokio_util::io::SyncIoBridge;

use super::handle::Handle;
use super::root::Rootfs;
use super::user::Accounts;
use crate::stream::piped;
use crate::{ByteStream, Engine, Error};

/// The beginning of what gzip compressed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A path that a client gave, found in a container.
struct Place {
    /// Without links, relative to the root.
    canonical: PathBuf,
    /// The last name as the client wrote it: `.` and `/`, too.
    base: String,
    found: Found,
}

impl Engine {
    /// What is at a path in a container.
    ///
    /// # Errors
    /// No such container; nothing is there.
    pub async fn container_stat_path(&self, container: &str, path: &str) -> Result<PathStat, Error> {
        let (_, rootfs) = self.files_of(container).await?;
        let (container, path) = (container.to_owned(), path.to_owned());
        blocking(move || {
            let place = find(rootfs.tree(), &container, &path)?;
            Ok(stat(rootfs.tree(), &place))
        })
        .await
    }

    /// Packs what is at a path in a container. Names begin with the path's last one.
    ///
    /// # Errors
    /// No such container; nothing is there. What goes wrong later comes as an error on the stream.
    pub async fn container_get_archive(&self, container: &str, path: &str) -> Result<(PathStat, ByteStream), Error> {
        let (handle, rootfs) = self.files_of(container).await?;
        let (container, path) = (container.to_owned(), path.to_owned());
        let (rootfs, place) = blocking(move || {
            let place = find(rootfs.tree(), &container, &path)?;
            Ok((rootfs, place))
        })
        .await?;
        let stat = stat(rootfs.tree(), &place);
        self.container_event(&handle.view().definition, "archive-path", &[]);
        let ids = handle.view().definition.ids.clone();
        let owners = ids.map(|ids| Owners::new(move |uid, gid| ids.inside(uid, gid)));
        let stream = piped(move |out| {
            let mut packer = Packer::new(out, Form::Plain).owners(owners);
            let packed = packer.add(rootfs.tree(), &place.canonical, |path, _| entry_name(&place, path));
            packed.and_then(|()| packer.finish().map(drop)).map_err(|source| file("/", source))
        });
        Ok((stat, stream))
    }

    /// Unpacks an archive, compressed or not, into a folder of a container.
    ///
    /// # Errors
    /// No such container; there is no such folder; it cannot be written; the archive is malformed or would replace what it
    /// is not to.
    pub async fn container_put_archive(
        &self,
        container: &str,
        path: &str,
        options: ArchiveOptions,
        archive: impl AsyncRead + Send + Unpin + 'static,
    ) -> Result<(), Error> {
        let (handle, rootfs) = self.files_of(container).await?;
        let view = handle.view();
        let (container, path) = (container.to_owned(), path.to_owned());
        let mut archive = BufReader::new(SyncIoBridge::new(archive));
        let definition = Arc::clone(&view.definition);
        blocking(move || {
            let folder = folder(rootfs.tree(), &container, &path, definition.host.readonly_rootfs)?;
            let user = &definition.config.user;
            let ownership = if options.copy_uid_gid && !user.is_empty() {
                let account = Accounts::read(rootfs.fd()).resolve(user, &[])?;
                Ownership::Given(account.user.uid, account.user.gid)
            } else {
                Ownership::Archived
            };
            let rules = Rules { ownership, keep_kinds: options.no_overwrite_dir_non_dir };
            let ids = definition.ids.clone();
            let owners = ids.map(|ids| Owners::new(move |uid, gid| ids.outside(uid, gid)));
            let unpacker = Unpacker::new(rootfs.tree(), &folder, rules).owners(owners);
            let start = archive.fill_buf().map_err(|source| file("archive", source))?;
            let unpacked = if start.starts_with(&GZIP) {
                unpacker.unpack(flate2::bufread::MultiGzDecoder::new(&mut archive))
            } else {
                unpacker.unpack(&mut archive)
            };
            unpacked.map_err(refused)?;
            // What follows the end marker belongs to the request, too.
            std::io::copy(&mut archive, &mut std::io::sink()).map_err(|source| file("archive", source))?;
            Ok(())
        })
        .await?;
        self.container_event(&view.definition, "extract-to-dir", &[]);
        Ok(())
    }

    async fn files_of(&self, container: &str) -> Result<(Arc<Handle>, Arc<Rootfs>), Error> {
        let handle = self.containers().find(container)?;
        let rootfs = self.rootfs(&handle).await?;
        Ok((handle, rootfs))
    }
}

/// Runs work on files away from the runtime's threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Part { part: "files", message: e.to_string() })?
}

fn file(path: impl Into<PathBuf>, source: std::io::Error) -> Error {
    Error::File { path: path.into(), source }
}

/// What the user can do something about is said as the client's mistake.
fn refused(source: std::io::Error) -> Error {
    let errno = Errno::from_io_error(&source);
    if source.kind() == std::io::ErrorKind::InvalidData || errno == Some(Errno::NOTDIR) {
        return Error::Invalid(source.to_string());
    }
    if errno == Some(Errno::ROFS) {
        return Error::Invalid("mounted volume is marked read-only".to_owned());
    }
    file("archive", source)
}

/// Finds a path. A link at its end is what is found, unless a slash or a dot follows.
fn find(tree: Tree<'_>, container: &str, path: &str) -> Result<Place, Error> {
    let absolute = format!("/{}", path.trim_start_matches('/'));
    let follows = absolute.ends_with('/') || absolute.ends_with("/.");
    let base = match absolute.trim_end_matches('/').rsplit_once('/') {
        Some((_, base)) => base.to_owned(),
        None => "/".to_owned(),
    };
    let looked = || -> std::io::Result<(PathBuf, Found)> {
        let canonical = if follows || base == ".." {
            tree.canonical(Path::new(&absolute))?
        } else {
            let whole = Path::new(&absolute);
            tree.canonical(whole.parent().unwrap_or(whole))?.join(whole.file_name().unwrap_or_default())
        };
        let found = tree.at(&canonical)?;
        if follows && found.kind() != FileType::Directory {
            return Err(Errno::NOTDIR.into());
        }
        Ok((canonical, found))
    };
    match looked() {
        Ok((canonical, found)) => Ok(Place { canonical, base, found }),
        Err(error) => Err(missing(container, path, error)),
    }
}

fn missing(container: &str, path: &str, error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::NotFound(format!("Could not find the file {path} in container {container}"))
        }
        std::io::ErrorKind::NotADirectory => Error::Invalid(format!("lstat {path}: not a directory")),
        _ => file(path, error),
    }
}

/// The folder that an archive is unpacked into.
fn folder(tree: Tree<'_>, container: &str, path: &str, readonly: bool) -> Result<PathBuf, Error> {
    let canonical = tree.canonical(Path::new(path)).map_err(|error| missing(container, path, error))?;
    let found = tree.at(&canonical).map_err(|error| missing(container, path, error))?;
    if found.kind() != FileType::Directory {
        return Err(Error::Invalid("extraction point is not a directory".to_owned()));
    }
    let mounted = rustix::fs::fstatvfs(found.fd.as_fd()).map_err(|errno| file(path, errno.into()))?;
    let root = tree.at(Path::new("")).map_err(|error| missing(container, "/", error))?;
    let in_rootfs = root.stat.st_dev == found.stat.st_dev;
    if in_rootfs && readonly {
        return Err(Error::Invalid("container rootfs is marked read-only".to_owned()));
    }
    if mounted.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(Error::Invalid("mounted volume is marked read-only".to_owned()));
    }
    Ok(canonical)
}

/// The name in the archive of what is at `path`. What is no file system but a view of the kernel stays empty.
fn entry_name(place: &Place, path: &Path) -> Option<PathBuf> {
    let rest = path.strip_prefix(&place.canonical).ok()?;
    if place.canonical.as_os_str().is_empty() && below_kernel_view(rest) {
        return None;
    }
    // Bytes, since joining would take the dot away.
    let mut name = std::ffi::OsString::from(&place.base);
    if !rest.as_os_str().is_empty() {
        if place.base != "/" {
            name.push("/");
        }
        name.push(rest);
    }
    Some(PathBuf::from(name))
}

/// Whether a path from the root is below `/proc` or `/sys`: not files of the container, and without end.
fn below_kernel_view(path: &Path) -> bool {
    ["proc", "sys"].iter().any(|view| path.starts_with(view) && path != Path::new(view))
}

fn stat(tree: Tree<'_>, place: &Place) -> PathStat {
    let stat = &place.found.stat;
    let is_link = place.found.kind() == FileType::Symlink;
    let target = is_link.then(|| tree.canonical(&place.canonical).ok()).flatten();
    let nanos = i32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    let mtime = jiff::Timestamp::new(stat.st_mtime, nanos).unwrap_or_default();
    PathStat {
        name: place.base.clone(),
        size: stat.st_size,
        mode: go_mode(place.found.kind(), stat.st_mode),
        mtime: mtime.to_string(),
        link_target: target.map(|target| format!("/{}", target.display())).unwrap_or_default(),
    }
}

/// Permissions and kind as Go's `io/fs.FileMode` numbers them.
fn go_mode(kind: FileType, mode: u32) -> u32 {
    let kind = match kind {
        FileType::Directory => 1 << 31,
        FileType::Symlink => 1 << 27,
        FileType::BlockDevice => 1 << 26,
        FileType::Fifo => 1 << 25,
        FileType::Socket => 1 << 24,
        FileType::CharacterDevice => 1 << 26 | 1 << 21,
        _ => 0,
    };
    let special = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];
    let special: u32 = special.iter().filter(|(bit, _)| mode & bit != 0).map(|(_, go)| go).sum();
    kind | special | (mode & 0o777)
}
