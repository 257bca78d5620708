//! Pull: an image from a registry into the store.
//!
//! All layers come at once, each as a stream from the socket through digest, inflate and tar parser into its final file;
//! nothing is written twice. A layer that is in the store already is not fetched, and one that was finished stays when the
//! pull fails later, so that the next try goes on from there.

mod error;
mod layers;
pub(crate) mod manifest;

use crate::platform;
pub use error::PullError;

use crate::{NewImage, Progress, Store};
use layers::Source;
use std::sync::Arc;
use teu_oci::digest::Digest;
use teu_oci::image::{ImageConfig, Manifest, Platform};
use teu_oci::reference::Reference;
use teu_registry::{Client, Credentials, Repository};
use tokio::sync::Semaphore;

/// Bytes of an image configuration at most; the largest public ones have some 100 KiB.
const CONFIG_LIMIT: u64 = 8 << 20;

/// How to pull.
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// The platform asked for; this machine's if `None`.
    pub platform: Option<Platform>,
    /// What opens the repository.
    pub credentials: Option<Credentials>,
    /// As many layers come at once as this has permits; pulls that share it share the limit.
    pub downloads: Arc<Semaphore>,
}

impl Default for PullOptions {
    /// This machine's platform, nobody's credentials, as many layers at once as Docker fetches.
    fn default() -> Self {
        Self { platform: None, credentials: None, downloads: Arc::new(Semaphore::new(3)) }
    }
}

/// What a pull brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The image's id.
    pub image: Digest,
    /// Digest of the manifest or index that the reference named.
    pub digest: Digest,
    /// Whether the reference names another image than before.
    pub updated: bool,
}

/// Pulls what `reference` names (the tag `latest` if it has neither tag nor digest) and enters it in the store.
///
/// # Errors
/// What the registry refused, what is wrong with the image, or why the store cannot take it. The store is as before,
/// with the layers that were complete by then (until they are collected).
pub async fn pull(
    store: &Store,
    client: &Client,
    reference: &Reference,
    options: &PullOptions,
    progress: Arc<dyn Progress>,
) -> Result<Pulled, PullError> {
    let reference = reference.clone().with_default_tag();
    let source = Source {
        client: client.clone(),
        repository: Repository { domain: reference.domain().to_owned(), path: reference.path().to_owned() },
        credentials: options.credentials.clone(),
    };
    let (digest, manifest) = manifest::fetch(&source, &reference, options.platform.as_ref()).await?;
    let config_bytes = fetch_config(&source, &manifest).await?;
    let config = check_config(&reference, &manifest, &config_bytes, options.platform.as_ref())?;
    // Nothing is said about the layers of an image that is here already.
    let progress = if is_known(store, &config_bytes).await? { Arc::new(()) } else { progress };
    let downloads = Arc::clone(&options.downloads);
    let layers = layers::fetch_all(store, &source, &manifest, &config, downloads, progress).await?;
    let tags = if reference.digest().is_none() { vec![reference.clone()] } else { Vec::new() };
    let digests = vec![reference.with_digest(digest)];
    let image = NewImage { config: config_bytes, tags, digests, parent: None };
    let store = store.clone();
    let name = reference.familiar();
    let entered = blocking(move || {
        let before = store.resolve(&name).ok().map(|image| image.id);
        let id = store.create_image(&image)?;
        // Held until the image refers to them, so that no collection takes them away.
        drop(layers);
        Ok((id, before != Some(id)))
    });
    let (image, updated) = entered.await?;
    Ok(Pulled { image, digest, updated })
}

async fn is_known(store: &Store, config: &[u8]) -> Result<bool, PullError> {
    let (store, id) = (store.clone(), Digest::of(config).to_string());
    blocking(move || Ok(store.resolve(&id).is_ok())).await
}

async fn fetch_config(source: &Source, manifest: &Manifest) -> Result<Vec<u8>, PullError> {
    let descriptor = &manifest.config;
    if descriptor.size > CONFIG_LIMIT {
        return Err(PullError::ConfigSize { size: descriptor.size, limit: CONFIG_LIMIT });
    }
    let mut reader = source.blob(descriptor);
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await? {
        bytes.extend_from_slice(&piece);
    }
    manifest::verify("image configuration", &bytes, descriptor.digest)?;
    Ok(bytes)
}

/// The configuration must name as many layers as the manifest, and the platform that was asked for.
fn check_config(
    reference: &Reference,
    manifest: &Manifest,
    bytes: &[u8],
    wanted: Option<&Platform>,
) -> Result<ImageConfig, PullError> {
    let parse = |source| PullError::Document { what: "image configuration", source };
    let config: ImageConfig = serde_json::from_slice(bytes).map_err(parse)?;
    let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
    if layers != diff_ids {
        return Err(PullError::LayerCount { layers, diff_ids });
    }
    let actual = config.platform();
    match wanted {
        Some(wanted) if platform::rank(wanted, &actual).is_none() => Err(PullError::WrongPlatform {
            reference: reference.familiar(),
            wanted: platform::display(wanted),
            actual: platform::display(&actual),
        }),
        _ => Ok(config),
    }
}

/// Runs a blocking operation of the store on the pool for such.
async fn blocking<T: Send + 'static>(
    operation: impl FnOnce() -> Result<T, PullError> + Send + 'static,
) -> Result<T, PullError> {
    match tokio::task::spawn_blocking(operation).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(PullError::Cancelled),
        },
    }
}
