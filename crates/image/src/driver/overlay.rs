//! The driver that unpacks a layer to a folder, for kernels that cannot mount EROFS from a file.
//!
//! ```text
//! layers/<diff id>/fs/       the tree, in overlayfs' form
//!                  recipe    how to make the tar again from the files
//!                  paths     where the files of the recipe are
//!                  data/     contents that the tar has but the tree has not: of entries that a later one replaced
//! ```
//!
//! While the tar streams in, files' contents go to `data/<number>`, and names only to the tree in memory, by the rules all drivers
//! share. The tree is made of it at the end, in a folder of our own, entry by entry below open descriptors: no path of
//! the layer is ever looked up on disk, so no link in it can lead anywhere.

mod recipe;
mod unpack;

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use teu_oci::digest::Digest;

use self::recipe::{Recipe, Replay};
use super::{Driver, LayerSink, Stored, layer_path};
use crate::error::{Error, Result};
use crate::layer::tree::{Placed, Tree};
use crate::layer::{LayerError, Limits};
use crate::mounter::{Lower, LowerKind};
use crate::store::DriverKind;
use crate::tar::{Entry, Kind, Parser, Segment, Visitor};
use crate::temporary::Temporary;

/// The tree.
const TREE: &str = "fs";
/// The recipe.
const RECIPE: &str = "recipe";
/// Where the recipe's files are.
const PATHS: &str = "paths";
/// Contents without a place in the tree.
const DATA: &str = "data";

/// Layers as folders.
pub(crate) struct OverlayDirs {
    folder: PathBuf,
    limits: Limits,
}

impl OverlayDirs {
    pub(crate) fn new(folder: &Path, limits: Limits) -> Self {
        Self { folder: folder.to_owned(), limits }
    }
}

impl Driver for OverlayDirs {
    fn kind(&self) -> DriverKind {
        DriverKind::Overlay
    }

    fn begin(&self) -> Result<Box<dyn LayerSink>, LayerError> {
        let begin = || {
            let temporary = Temporary::directory(&self.folder)?;
            let path = temporary.path();
            fs::create_dir(path.join(TREE))?;
            fs::create_dir(path.join(DATA))?;
            let recipe = Recipe::create(&path.join(RECIPE))?;
            let (data, tree) = (path.join(DATA), Tree::new(self.limits));
            let builder = Builder { tree, recipe, data, file: None, tar_size: 0, disk_size: 0 };
            Ok(Sink { folder: self.folder.clone(), temporary, parser: Parser::new(self.limits), builder })
        };
        begin().map(|sink| Box::new(sink) as Box<dyn LayerSink>).map_err(LayerError::Write)
    }

    fn stored(&self) -> Result<Vec<Digest>> {
        super::stored_layers(&self.folder)
    }

    fn open_tar(&self, diff_id: &Digest, _: u64) -> Result<Box<dyn Read + Send>> {
        let path = self.folder.join(layer_path(diff_id));
        match Replay::open(&path) {
            Ok(replay) => Ok(Box::new(replay)),
            Err(source) => Err(Error::File { action: "cannot open", path, source }),
        }
    }

    fn lower(&self, diff_id: &Digest) -> Lower {
        Lower::new(*diff_id, LowerKind::Directory, layer_path(diff_id).join(TREE))
    }
}

struct Sink {
    folder: PathBuf,
    temporary: Temporary,
    parser: Parser,
    builder: Builder,
}

impl LayerSink for Sink {
    fn write(&mut self, tar: &[u8]) -> Result<(), LayerError> {
        self.builder.tar_size += tar.len() as u64;
        self.parser.feed(tar, &mut self.builder)
    }

    fn publish(self: Box<Self>, diff_id: &Digest) -> Result<Stored, LayerError> {
        let Self { folder, temporary, parser, builder } = *self;
        parser.finish()?;
        let Builder { tree, recipe, tar_size, disk_size, .. } = builder;
        let publish = || {
            let path = temporary.path();
            let recipe_size = recipe.finish()?;
            let places = unpack::unpack(&tree, path)?;
            let mut paths = BufWriter::new(File::create(path.join(PATHS))?);
            recipe::write_paths(&places, &mut paths)?;
            let paths = paths.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            // Thousands of files: one sync of the file system costs less than one of each.
            rustix::fs::syncfs(&paths)?;
            match temporary.publish(&folder.join(layer_path(diff_id))) {
                // Someone else brought the same layer meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {}
                result => result?,
            }
            Ok(disk_size + recipe_size)
        };
        let disk_size = publish().map_err(LayerError::Write)?;
        Ok(Stored {
            tar_size,
            content_size: tree.content_size(),
            entries: parser.entries(),
            disk_size,
            opaque: tree.root_is_opaque(),
        })
    }
}

/// Receives the tar: names to the tree, contents to files, the rest to the recipe.
struct Builder {
    tree: Tree,
    recipe: Recipe,
    data: PathBuf,
    file: Option<Content>,
    tar_size: u64,
    disk_size: u64,
}

/// The file being written.
struct Content {
    /// Its number in the recipe: the inode's.
    number: u64,
    file: File,
    /// The parts still to come, last first.
    segments: Vec<Segment>,
}

impl Visitor for Builder {
    fn entry(&mut self, entry: Entry) -> Result<(), LayerError> {
        let (kind, len, size) = (entry.kind, entry.data_len, entry.size);
        let segments = entry.sparse.clone().unwrap_or_else(|| vec![Segment { offset: 0, len }]);
        let placed = self.tree.insert(entry)?;
        self.file = None;
        if kind != Kind::File || len == 0 {
            return Ok(());
        }
        let number = match placed {
            Placed::Inode(id) => id as u64,
            // A whiteout with content, or an AUFS file: the content is only for the recipe.
            Placed::Nothing => self.tree.reserve() as u64,
        };
        let create = || {
            let file = File::options().write(true).create_new(true).open(self.data.join(number.to_string()))?;
            file.set_len(size)?;
            Ok(file)
        };
        let file = create().map_err(LayerError::Write)?;
        self.file = Some(Content { number, file, segments: segments.into_iter().rev().collect() });
        // A block, roughly, as file systems allocate.
        self.disk_size += len.next_multiple_of(4096);
        Ok(())
    }

    fn data(&mut self, mut bytes: &[u8]) -> Result<(), LayerError> {
        let Some(content) = &mut self.file else { return self.framing(bytes) };
        while !bytes.is_empty() {
            let Some(segment) = content.segments.last_mut() else { break };
            let take = usize::try_from(segment.len).map_or(bytes.len(), |len| len.min(bytes.len()));
            let (now, rest) = bytes.split_at(take);
            content.file.write_all_at(now, segment.offset).map_err(LayerError::Write)?;
            self.recipe.content(content.number, segment.offset, take as u64).map_err(LayerError::Write)?;
            segment.offset += take as u64;
            segment.len -= take as u64;
            if segment.len == 0 {
                content.segments.pop();
            }
            bytes = rest;
        }
        Ok(())
    }

    fn framing(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.recipe.write_all(bytes).map_err(LayerError::Write)
    }
}
