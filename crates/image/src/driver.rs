//! How layers are kept: the trait, and its drivers.

mod erofs;
pub(crate) mod fuzzing;
mod overlay;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use teu_oci::digest::Digest;

use crate::error::Result;
use crate::layer::LayerError;
use crate::mounter::Lower;
use crate::store::DriverKind;
use crate::temporary::Temporary;

/// Name of the folder with the layers.
pub(crate) const LAYERS: &str = "layers";
/// Name of the folder where layers are while they come in; what is in it at open is left over.
pub(crate) const INGEST: &str = "ingest";

/// Keeps layers in a store's folder. Layers are named by diff id, appear whole or not at all, and never change.
pub(crate) trait Driver: Send + Sync {
    /// Which one this is.
    fn kind(&self) -> DriverKind;

    /// Begins a layer.
    fn begin(&self) -> Result<Box<dyn LayerSink>, LayerError>;

    /// The layers there are, for comparison with the database.
    fn stored(&self) -> Result<Vec<Digest>>;

    /// The layer's tar, byte for byte.
    fn open_tar(&self, diff_id: &Digest, tar_size: u64) -> Result<Box<dyn Read + Send>>;

    /// What the mounter needs.
    fn lower(&self, diff_id: &Digest) -> Lower;
}

/// Takes one layer's tar. Dropped before [`Self::publish`] it leaves nothing behind.
pub(crate) trait LayerSink: Send {
    /// The next bytes of the uncompressed tar.
    fn write(&mut self, tar: &[u8]) -> Result<(), LayerError>;

    /// Checks that the tar is complete, and puts the layer in its place.
    fn publish(self: Box<Self>, diff_id: &Digest) -> Result<Stored, LayerError>;
}

/// What a driver found in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) tar_size: u64,
    pub(crate) content_size: u64,
    pub(crate) entries: u64,
    pub(crate) disk_size: u64,
    /// Whether the layer hides everything below it.
    pub(crate) opaque: bool,
}

/// The layer's place below the store's folder.
pub(crate) fn layer_path(diff_id: &Digest) -> std::path::PathBuf {
    Path::new(LAYERS).join(diff_id.hex())
}

/// Takes a layer or a snapshot out of its place below the store's folder in one step, so that half of it is never taken for the
/// whole; dropping the result removes it. `None` if it was not there.
pub(crate) fn take_out(folder: &Path, place: &Path) -> Result<Option<Temporary>> {
    let path = folder.join(place);
    let doomed = Temporary::reserved(folder);
    match std::fs::rename(&path, doomed.path()) {
        Ok(()) => Ok(Some(doomed)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(crate::Error::File { action: "cannot remove", path, source }),
    }
}

/// The diff ids that the names in the folder of layers say.
pub(crate) fn stored_layers(folder: &Path) -> Result<Vec<Digest>> {
    let path = folder.join(LAYERS);
    let failed = |source| crate::Error::File { action: "cannot list", path: path.clone(), source };
    let mut layers = Vec::new();
    for entry in std::fs::read_dir(&path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        layers.extend(name.to_str().and_then(|name| Digest::from_hex(name).ok()));
    }
    Ok(layers)
}

/// The driver of this kind for a store's folder.
pub(crate) fn driver(kind: DriverKind, folder: &Path, limits: crate::Limits) -> Arc<dyn Driver> {
    match kind {
        DriverKind::Erofs => Arc::new(erofs::Erofs::new(folder, limits)),
        DriverKind::Overlay => Arc::new(overlay::OverlayDirs::new(folder, limits)),
    }
}
