//! The driver that keeps a layer as its tar with an EROFS index, in one file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use teu_oci::digest::Digest;

use super::{Driver, LayerSink, Stored, layer_path};
use crate::erofs::{self, Geometry, TAR_START};
use crate::error::{Error, Result};
use crate::layer::tree::Tree;
use crate::layer::{LayerError, Limits};
use crate::mounter::{Lower, LowerKind};
use crate::store::DriverKind;
use crate::tar::{Entry, Parser, Visitor};
use crate::temporary::Temporary;

/// Layers as files `layers/<diff id>`.
pub(crate) struct Erofs {
    folder: PathBuf,
    limits: Limits,
}

impl Erofs {
    pub(crate) fn new(folder: &Path, limits: Limits) -> Self {
        Self { folder: folder.to_owned(), limits }
    }

    fn path(&self, diff_id: &Digest) -> PathBuf {
        self.folder.join(layer_path(diff_id))
    }
}

impl Driver for Erofs {
    fn kind(&self) -> DriverKind {
        DriverKind::Erofs
    }

    fn begin(&self) -> Result<Box<dyn LayerSink>, LayerError> {
        let (temporary, mut file) = Temporary::file(&self.folder).map_err(LayerError::Write)?;
        file.seek(SeekFrom::Start(TAR_START)).map_err(LayerError::Write)?;
        Ok(Box::new(Sink {
            folder: self.folder.clone(),
            temporary,
            file,
            parser: Parser::new(self.limits),
            tree: Tree::new(self.limits),
            tar_size: 0,
        }))
    }

    fn stored(&self) -> Result<Vec<Digest>> {
        super::stored_layers(&self.folder)
    }

    fn open_tar(&self, diff_id: &Digest, tar_size: u64) -> Result<Box<dyn Read + Send>> {
        let path = self.path(diff_id);
        let open = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(TAR_START))?;
            Ok(file)
        };
        match open() {
            Ok(file) => Ok(Box::new(file.take(tar_size))),
            Err(source) => Err(Error::File { action: "cannot open", path, source }),
        }
    }

    fn lower(&self, diff_id: &Digest) -> Lower {
        Lower::new(*diff_id, LowerKind::Image, layer_path(diff_id))
    }
}

struct Sink {
    folder: PathBuf,
    temporary: Temporary,
    file: File,
    parser: Parser,
    tree: Tree,
    tar_size: u64,
}

impl LayerSink for Sink {
    fn write(&mut self, tar: &[u8]) -> Result<(), LayerError> {
        self.file.write_all(tar).map_err(LayerError::Write)?;
        self.tar_size += tar.len() as u64;
        self.parser.feed(tar, &mut Builder(&mut self.tree))
    }

    fn publish(self: Box<Self>, diff_id: &Digest) -> Result<Stored, LayerError> {
        self.parser.finish()?;
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&diff_id.as_bytes()[..16]);
        let index = erofs::write_index(&self.tree, &self.file, Geometry { tar_size: self.tar_size, uuid })?;
        self.file.sync_data().map_err(LayerError::Write)?;
        self.temporary.publish(&self.folder.join(layer_path(diff_id))).map_err(LayerError::Write)?;
        Ok(Stored {
            tar_size: self.tar_size,
            content_size: self.tree.content_size(),
            entries: self.parser.entries(),
            disk_size: index.file_size,
            opaque: self.tree.root_is_opaque(),
        })
    }
}

/// Puts entries in the tree; the data stays where it is in the tar.
struct Builder<'a>(&'a mut Tree);

impl Visitor for Builder<'_> {
    fn entry(&mut self, entry: Entry) -> Result<(), LayerError> {
        self.0.insert(entry).map(drop)
    }

    fn data(&mut self, _: &[u8]) -> Result<(), LayerError> {
        Ok(())
    }

    fn framing(&mut self, _: &[u8]) -> Result<(), LayerError> {
        Ok(())
    }
}
