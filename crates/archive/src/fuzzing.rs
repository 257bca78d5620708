//! Fuzz targets: see `fuzz/README.md`. Not part of the interface.

use std::fs::{self, File, FileTimes};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::time::SystemTime;

use crate::{Form, Ownership, Packer, Rules, Tree, Unpacker};

/// A header of the format, and the place in it of what says that a file has holes.
const HEADER: usize = 512;
const KIND: usize = 156;

/// An archive from a stranger, unpacked in an empty folder: whatever links it brings or finds, nothing beside the tree is
/// touched; and the tree, packed and unpacked again, is the same. How long the archive is, which its end leaves open, says
/// by which rules it is unpacked, and whether behind a link.
///
/// # Errors
/// The folder cannot be prepared.
pub fn unpack(folder: &Path, data: &[u8]) -> io::Result<()> {
    // A file with holes may be as large as it says, which would fill the disk.
    if data.iter().skip(KIND).step_by(HEADER).any(|kind| *kind == b'S') {
        return Ok(());
    }
    let (outside, root, again) = (folder.join("outside"), folder.join("root"), folder.join("again"));
    for path in [&outside, &root, &again] {
        fs::create_dir(path)?;
    }
    fs::write(outside.join("f"), "secret")?;
    for (link, target) in [("up", Path::new("../outside")), ("out", &outside), ("file", Path::new("../outside/f"))] {
        symlink(target, root.join(link))?;
    }
    let before = state(&outside)?;
    let keep_kinds = data.len() & 1 != 0;
    let unpacked = into(&root, Path::new(if data.len() & 2 == 0 { "" } else { "up" }), keep_kinds, data);
    assert_eq!(state(&outside)?, before, "{:?}", unpacked.err());
    // What came before an error is there.
    let packed = pack(&root)?;
    into(&again, Path::new(""), false, &packed)
        .unwrap_or_else(|error| panic!("an archive of ours is refused: {error}"));
    // The folder itself is not unpacked, and so not compared.
    assert!(packed[HEADER..] == pack(&again)?[HEADER..], "a tree does not survive being packed");
    Ok(())
}

fn into(root: &Path, at: &Path, keep_kinds: bool, archive: &[u8]) -> io::Result<()> {
    let root = File::open(root)?;
    let ownership = if rustix::process::geteuid().is_root() { Ownership::Archived } else { Ownership::Own };
    Unpacker::new(Tree::new(root.as_fd()), at, Rules { ownership, keep_kinds }).unpack(archive)
}

fn pack(root: &Path) -> io::Result<Vec<u8>> {
    File::open(root)?.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH))?;
    let root = File::open(root)?;
    let mut packer = Packer::new(Vec::new(), Form::Plain);
    packer.add(Tree::new(root.as_fd()), Path::new(""), |path, _| Some(Path::new(".").join(path)))?;
    packer.finish()
}

/// Everything that shows whether a folder or the file in it was touched.
fn state(outside: &Path) -> io::Result<Vec<String>> {
    let mut all: Vec<_> =
        fs::read_dir(outside)?.collect::<io::Result<Vec<_>>>()?.iter().map(fs::DirEntry::path).collect();
    all.push(outside.to_owned());
    all.sort();
    let one = |path: &std::path::PathBuf| {
        let stat = fs::symlink_metadata(path)?;
        let content = if stat.is_file() { fs::read(path)? } else { Vec::new() };
        let times = (stat.mtime(), stat.mtime_nsec(), stat.ctime(), stat.ctime_nsec());
        Ok(format!("{path:?} {:o} {} {} {} {times:?} {content:?}", stat.mode(), stat.uid(), stat.gid(), stat.nlink()))
    };
    all.iter().map(one).collect()
}
