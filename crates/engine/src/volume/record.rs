//! What is known about a volume besides its content: a file beside it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Error;

const FILE: &str = "volume.json";

/// Docker's mark of volumes that nobody named.
pub(super) const ANONYMOUS: &str = "com.docker.volume.anonymous";

/// What a volume was made with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Unknown for volumes that came into being with a container: their folder tells.
    pub(super) created: Option<Timestamp>,
    pub(super) labels: Option<BTreeMap<String, String>>,
}

impl Record {
    /// Reads the record of the volume in `folder`; one that was never written is derived from the folder.
    pub(super) fn read(folder: &Path, name: &str) -> Result<Record, Error> {
        let path = folder.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| Error::File { path, source: source.into() }),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(Record::derived(folder, name)),
            Err(source) => Err(Error::File { path, source }),
        }
    }

    /// Writes the record, whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(FILE);
        let failed = |source: std::io::Error| Error::File { path: path.clone(), source };
        let bytes = serde_json::to_vec(self).map_err(|source| failed(source.into()))?;
        crate::durable::replace(&path, &bytes).map_err(failed)
    }

    fn derived(folder: &Path, name: &str) -> Record {
        let metadata = std::fs::metadata(folder).ok();
        let time = metadata.and_then(|metadata| metadata.created().or_else(|_| metadata.modified()).ok());
        let chosen_by_us = name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
        Record {
            created: time.and_then(|time| Timestamp::try_from(time).ok()),
            labels: chosen_by_us.then(|| BTreeMap::from([(ANONYMOUS.to_owned(), String::new())])),
        }
    }
}
