//! Snapshots for containers in user namespaces: their maps, kept beside what was written.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use teu_oci::digest::Digest;
use teu_oci::runtime::IdMaps;

use super::open::SNAPSHOTS;
use super::snapshot::empty;
use super::{Inner, Store};
use crate::driver::LAYERS;
use crate::error::{Error, Result};
use crate::mounter::{Lower, LowerKind, Mapped};

/// The file with the maps; snapshots that are not mapped have none.
const FILE: &str = "ids.json";

impl Store {
    /// Tries what snapshots for user namespaces with these maps need of the kernel and the file system.
    ///
    /// # Errors
    /// `Mount` if they cannot do it.
    pub fn probe_ids(&self, ids: &IdMaps) -> Result<()> {
        let mapped = Some(self.0.mapping(ids.clone())?);
        let id = Digest::of(b"probe");
        let other = Lower::new(id, LowerKind::Directory, LAYERS.into());
        let probed = self.0.read_only(vec![Lower { mapped, ..empty() }, other]);
        self.0.mounter.detach(id)?;
        probed.map(drop)
    }

    /// The maps of the user namespace that a snapshot is for.
    ///
    /// # Errors
    /// If what was stored cannot be read.
    pub fn snapshot_ids(&self, key: &str) -> Result<Option<IdMaps>> {
        self.0.ids(key)
    }
}

impl Inner {
    pub(super) fn ids(&self, key: &str) -> Result<Option<IdMaps>> {
        let path = self.folder.join(SNAPSHOTS).join(key).join(FILE);
        let failed = |source| Error::File { action: "cannot read", path: path.clone(), source };
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| failed(error.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// How the layers of a snapshot are mapped.
    pub(super) fn mapped(&self, key: &str) -> Result<Option<Mapped>> {
        self.ids(key)?.map(|maps| self.mapping(maps)).transpose()
    }

    fn mapping(&self, maps: IdMaps) -> Result<Mapped> {
        let namespace = self
            .namespaces
            .with_maps(maps.text())
            .map_err(|source| Error::Mount { what: "user namespace of a snapshot".to_owned(), source })?;
        Ok(Mapped { maps: Arc::new(maps), namespace })
    }
}

/// Keeps the maps in a snapshot's folder.
pub(super) fn write(folder: &Path, ids: &IdMaps) -> io::Result<()> {
    // In one step: half of it would be worth nothing.
    let new = folder.join("ids.new");
    std::fs::write(&new, serde_json::to_vec(ids)?)?;
    std::fs::rename(new, folder.join(FILE))
}
