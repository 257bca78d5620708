//! Fuzz target: a layer in both forms that it may be kept in.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use teu_oci::digest::Digest;

use super::{INGEST, LAYERS, Stored, driver};
use crate::fuzzing::LIMITS;
use crate::layer::LayerError;
use crate::store::DriverKind;

/// A layer's tar, kept by each driver in an empty folder: both say the same of it, and give it back byte for byte.
///
/// # Errors
/// The folder cannot be prepared.
pub fn layer_drivers(folder: &Path, data: &[u8]) -> io::Result<()> {
    let mut all = Vec::new();
    for (kind, name) in [(DriverKind::Erofs, "erofs"), (DriverKind::Overlay, "overlay")] {
        let folder = folder.join(name);
        for below in [INGEST, LAYERS] {
            fs::create_dir_all(folder.join(below))?;
        }
        match keep(kind, &folder, data) {
            // Without privileges nodes cannot be made, and not every file system takes every attribute.
            Err(LayerError::Write(_)) => return Ok(()),
            kept => all.push(kept.map_err(|error| error.to_string())),
        }
        assert_eq!(fs::read_dir(folder.join(INGEST))?.count(), 0, "something is left");
    }
    // How much room each takes on disk is its own.
    let told = |kept: &Result<Stored, String>| kept.clone().map(|kept| Stored { disk_size: 0, ..kept });
    assert_eq!(told(&all[0]), told(&all[1]));
    Ok(())
}

fn keep(kind: DriverKind, folder: &Path, data: &[u8]) -> Result<Stored, LayerError> {
    let (driver, diff_id) = (driver(kind, folder, LIMITS), Digest::of(data));
    let mut sink = driver.begin()?;
    for piece in data.chunks(700) {
        sink.write(piece)?;
    }
    let stored = sink.publish(&diff_id)?;
    let mut tar = Vec::new();
    let read = driver.open_tar(&diff_id, stored.tar_size).map(|mut from| from.read_to_end(&mut tar));
    assert!(matches!(read, Ok(Ok(_))) && tar == data, "{kind:?} gives another tar back");
    Ok(stored)
}
