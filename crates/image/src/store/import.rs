//! `import`: an image of one layer from the tar of a root file system.

use std::io::Read;

use bytes::BytesMut;
use teu_oci::digest::Digest;
use teu_oci::image::{ContainerConfig, History, ImageConfig, RootFs};

use super::Store;
use crate::changes;
use crate::error::{Error, Result};
use crate::layer::Expectation;
use crate::model::{ImportOptions, NewImage};
use crate::platform;
use crate::progress::{Progress, Status, Update};

/// Bytes read at once.
const BUFFER: usize = 256 << 10;
/// The history entry's text if none is given, as Docker words it.
const DEFAULT_MESSAGE: &str = "Imported from -";

impl Store {
    /// Makes an image of one layer from the tar of a root file system, compressed or not.
    ///
    /// # Errors
    /// If the tar or a change is malformed.
    pub fn import(&self, tar: impl Read + Send, options: &ImportOptions, progress: &dyn Progress) -> Result<Digest> {
        let mut container = ContainerConfig::default();
        changes::apply(&mut container, &options.changes)?;
        let result = self.import_layer(tar, progress).and_then(|layer| {
            let config = config(layer.info.diff_id, container, options);
            let config = serde_json::to_vec(&config)
                .map_err(|source| Error::Document { what: "configuration".to_owned(), source })?;
            let tags = options.reference.iter().cloned().map(|name| name.with_default_tag()).collect();
            self.create_image(&NewImage { config, tags, digests: Vec::new(), parent: None })
        });
        if result.is_err() {
            self.collect_garbage()?;
        }
        result
    }

    fn import_layer(&self, mut tar: impl Read, progress: &dyn Progress) -> Result<super::HeldLayer> {
        let mut writer = self.layer_writer(Expectation::default())?;
        loop {
            let mut buffer = BytesMut::zeroed(BUFFER);
            let read = match tar.read(&mut buffer) {
                Ok(0) => return writer.finish(),
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(Error::Stream { what: "cannot read the tar", source }),
            };
            buffer.truncate(read);
            writer.write(buffer.freeze())?;
            let current = writer.position();
            progress.update(Update { id: "", status: Status::Importing, current, total: None });
        }
    }
}

fn config(diff_id: Digest, container: ContainerConfig, options: &ImportOptions) -> ImageConfig {
    let created = Some(jiff::Timestamp::now().to_string());
    let platform = options.platform.clone().unwrap_or_else(platform::host_platform);
    let message = if options.message.is_empty() { DEFAULT_MESSAGE } else { &options.message };
    ImageConfig {
        created: created.clone(),
        architecture: platform.architecture,
        variant: options.platform.as_ref().and_then(|platform| platform.variant.clone()),
        os: platform.os,
        comment: Some(message.to_owned()),
        config: Some(container),
        rootfs: RootFs { diff_ids: vec![diff_id], ..RootFs::default() },
        history: vec![History { created, comment: Some(message.to_owned()), ..History::default() }],
        ..ImageConfig::default()
    }
}
