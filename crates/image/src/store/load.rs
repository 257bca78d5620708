//! `load`: archives of `docker save` (all of its formats) and OCI layouts, as one stream.
//!
//! The archive is read once, from front to back, and never stored: what looks like a layer goes through the pipeline at once,
//! what looks like JSON is kept until the end, when the manifest says what belongs together. A layer that no manifest
//! mentions is garbage then. Layers of a digest that the store has already are passed over.

mod archive;
mod legacy;
mod manifest;

use std::io::{Read, Write};

use self::archive::Archive;
use super::Store;
use crate::error::{Error, Result};
use crate::layer::LayerError;
use crate::layer::decompress::Decompressor;
use crate::model::Loaded;
use crate::progress::Progress;
use crate::tar::Parser;

/// Bytes read at once.
const BUFFER: usize = 256 << 10;

impl Store {
    /// Reads an archive made by `docker save` or an OCI layout tar, compressed or not.
    ///
    /// # Errors
    /// If the archive is broken; nothing of it is kept then.
    pub fn load(&self, archive: impl Read + Send, progress: &dyn Progress) -> Result<Vec<Loaded>> {
        let loaded = self.read_archive(archive, progress).and_then(|archive| manifest::create_images(self, &archive));
        // Layers of a failed load, and those that no image of the archive uses.
        self.collect_garbage()?;
        loaded
    }

    fn read_archive<'a>(&'a self, mut input: impl Read, progress: &'a dyn Progress) -> Result<Archive<'a>> {
        let feeder = Feeder { parser: Parser::new(self.0.limits), archive: Archive::new(self, progress), failed: None };
        let mut decompressor = Decompressor::new(feeder, self.0.limits);
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(Error::Stream { what: "cannot read the archive", source }),
            };
            if let Err(source) = decompressor.write(&buffer[..read]) {
                return Err(decompressor
                    .out_mut()
                    .and_then(|feeder| feeder.failed.take())
                    .unwrap_or_else(|| broken(&source)));
            }
        }
        let (mut feeder, _) = decompressor.finish().map_err(|source| broken(&source))?;
        if let Some(error) = feeder.failed.take() {
            return Err(error);
        }
        feeder.parser.finish().map_err(|source| broken(&source))?;
        feeder.archive.complete()?;
        Ok(feeder.archive)
    }
}

/// What is wrong with the outer archive.
fn broken(error: &LayerError) -> Error {
    Error::Archive(error.to_string())
}

/// Passes the uncompressed archive to the parser, keeping the error that a writer cannot return.
struct Feeder<'a> {
    parser: Parser,
    archive: Archive<'a>,
    failed: Option<Error>,
}

impl Write for Feeder<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.parser.feed(bytes, &mut self.archive) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                self.failed = Some(self.archive.failed.take().unwrap_or_else(|| broken(&error)));
                Err(std::io::ErrorKind::InvalidData.into())
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
