//! The layers of one image, side by side, from sockets into the store.

use super::{PullError, blocking};
use crate::{Expectation, HeldLayer, KnownBlob, LayerWriter, Progress, Status, Store, Update};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;
use teu_oci::digest::Digest;
use teu_oci::image::{Descriptor, ImageConfig, Manifest};
use teu_registry::{BlobReader, Client, Credentials, Repository};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::task::JoinSet;

/// Pieces on their way from a socket to the writer; a piece is what the socket had at once, up to some 16 KiB.
const PIECES: usize = 32;

/// Where content comes from.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) client: Client,
    pub(super) repository: Repository,
    pub(super) credentials: Option<Credentials>,
}

impl Source {
    pub(super) fn blob(&self, descriptor: &Descriptor) -> BlobReader {
        let digest = descriptor.digest.to_string();
        self.client.blob(&self.repository, &digest, descriptor.size, self.credentials.as_ref())
    }
}

/// A layer to fetch.
#[derive(Clone)]
struct Wanted {
    descriptor: Descriptor,
    diff_id: Digest,
    id: String,
}

/// What all layers of a pull share.
#[derive(Clone)]
struct Context {
    store: Store,
    source: Source,
    progress: Arc<dyn Progress>,
    slots: Arc<Semaphore>,
}

/// A piece of a blob, or the word that it is complete: a channel that just ends means that the transfer failed.
enum Piece {
    Bytes(Bytes),
    Complete,
}

/// Fetches what is missing; the layers are held until the result is dropped.
pub(super) async fn fetch_all(
    store: &Store,
    source: &Source,
    manifest: &Manifest,
    config: &ImageConfig,
    slots: Arc<Semaphore>,
    progress: Arc<dyn Progress>,
) -> Result<Vec<HeldLayer>, PullError> {
    let context = Context { store: store.clone(), source: source.clone(), progress, slots };
    // Dropped at the first error or when the caller goes away: the tasks end, and their writers leave nothing behind.
    let mut tasks = JoinSet::new();
    let mut seen = BTreeSet::new();
    let mut held = Vec::new();
    for (descriptor, diff_id) in manifest.layers.iter().zip(&config.rootfs.diff_ids) {
        if seen.insert(*diff_id) {
            let id = descriptor.digest.short();
            let wanted = Wanted { descriptor: descriptor.clone(), diff_id: *diff_id, id };
            if let Some(layer) = context.known(&wanted).await? {
                held.push(layer);
            } else {
                context.tell(&wanted, Status::PullingFsLayer, 0);
                tasks.spawn(fetch(context.clone(), wanted));
            }
        }
    }
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(layer) => held.push(layer?),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Err(PullError::Cancelled),
            },
        }
    }
    Ok(held)
}

impl Context {
    fn tell(&self, wanted: &Wanted, status: Status, current: u64) {
        self.progress.update(Update { id: &wanted.id, status, current, total: Some(wanted.descriptor.size) });
    }

    /// The layer, if the store has it.
    async fn known(&self, wanted: &Wanted) -> Result<Option<HeldLayer>, PullError> {
        let (store, diff_id) = (self.store.clone(), wanted.diff_id);
        let layer = blocking(move || Ok(store.hold_layer(&diff_id)?)).await?;
        if layer.is_some() {
            self.tell(wanted, Status::AlreadyExists, wanted.descriptor.size);
        }
        Ok(layer)
    }

    /// A turn to download; says so when it has to be waited for.
    async fn slot(&self, wanted: &Wanted) -> Result<SemaphorePermit<'_>, PullError> {
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        self.tell(wanted, Status::Waiting, 0);
        self.slots.acquire().await.map_err(|_| PullError::Cancelled)
    }
}

async fn fetch(context: Context, wanted: Wanted) -> Result<HeldLayer, PullError> {
    let _slot = context.slot(&wanted).await?;
    // Another pull may have brought it while this one waited.
    if let Some(layer) = context.known(&wanted).await? {
        return Ok(layer);
    }
    let expectation = Expectation {
        blob: Some(wanted.descriptor.digest),
        blob_size: Some(wanted.descriptor.size),
        diff_id: Some(wanted.diff_id),
    };
    let store = context.store.clone();
    let writer = blocking(move || Ok(store.layer_writer(expectation)?)).await?;
    let (sender, receiver) = mpsc::channel(PIECES);
    let written = tokio::spawn(blocking(move || write(writer, receiver)));
    let transferred = transfer(&context, &wanted, sender).await;
    // The writer's error comes first: it is why the channel closed, and says what is wrong with the layer.
    let layer = match written.await {
        Ok(Ok(Some(layer))) => layer,
        Ok(Err(error)) => return Err(error),
        Ok(Ok(None)) | Err(_) => return Err(transferred.err().unwrap_or(PullError::Cancelled)),
    };
    transferred?;
    remember(&context, &wanted).await?;
    context.tell(&wanted, Status::PullComplete, wanted.descriptor.size);
    Ok(layer)
}

async fn transfer(context: &Context, wanted: &Wanted, sender: mpsc::Sender<Piece>) -> Result<(), PullError> {
    let mut reader = context.source.blob(&wanted.descriptor);
    let mut current = 0;
    while let Some(bytes) = reader.next().await? {
        current += bytes.len() as u64;
        context.tell(wanted, Status::Downloading, current);
        if sender.send(Piece::Bytes(bytes)).await.is_err() {
            return Ok(());
        }
    }
    context.tell(wanted, Status::DownloadComplete, current);
    // A writer that is gone has an error of its own, which the caller reports.
    drop(sender.send(Piece::Complete).await);
    Ok(())
}

/// Feeds the writer; `None` when the transfer ended before the blob did.
fn write(mut writer: LayerWriter, mut pieces: mpsc::Receiver<Piece>) -> Result<Option<HeldLayer>, PullError> {
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Bytes(bytes) => writer.write(bytes)?,
            Piece::Complete => return Ok(Some(writer.finish()?)),
        }
    }
    Ok(None)
}

async fn remember(context: &Context, wanted: &Wanted) -> Result<(), PullError> {
    let repository = &context.source.repository;
    let blob = KnownBlob {
        diff_id: wanted.diff_id,
        digest: wanted.descriptor.digest,
        size: wanted.descriptor.size,
        media_type: wanted.descriptor.media_type.clone(),
        repository: format!("{}/{}", repository.domain, repository.path),
    };
    let store = context.store.clone();
    blocking(move || Ok(store.remember_blob(&blob)?)).await
}
