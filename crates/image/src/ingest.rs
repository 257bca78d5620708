//! The pipeline that brings a layer in: two threads per layer, buffers that go round, nothing stored twice.
//!
//! ```text
//! blob bytes ─▶ [ sha256 of the blob, decompress ] ─▶ [ sha256 of the tar, parse, write ] ─▶ verify
//! ```

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use teu_oci::digest::{Digest, Hasher};

use crate::driver::LayerSink;
use crate::layer::decompress::{Decompressor, sniff};
use crate::layer::{Compression, Expectation, LayerError, Limits};

/// Bytes of the buffers between the threads.
const BUFFER: usize = 256 << 10;
/// Buffers on their way: with the one at each end, 2.5 MiB per layer.
const QUEUE: usize = 8;
/// Pieces of the blob on their way to the first thread.
const PIECES: usize = 16;

/// A layer on its way in. Dropped, it leaves nothing.
pub(crate) struct Pipeline {
    expectation: Expectation,
    position: u64,
    pieces: Option<SyncSender<Bytes>>,
    inflate: Option<JoinHandle<Result<Blob, LayerError>>>,
    store: Option<JoinHandle<Result<Tar, LayerError>>>,
}

/// What the first thread found out.
struct Blob {
    /// `None` if the blob is the tar: then its digest is the diff id.
    digest: Option<Digest>,
    compression: Compression,
}

/// What the second thread found out.
struct Tar {
    diff_id: Digest,
    sink: Box<dyn LayerSink>,
}

/// A layer that is what was expected, and not yet published.
pub(crate) struct Verified {
    pub(crate) diff_id: Digest,
    pub(crate) blob: Digest,
    pub(crate) compression: Compression,
    pub(crate) sink: Box<dyn LayerSink>,
}

impl Pipeline {
    pub(crate) fn start(
        sink: Box<dyn LayerSink>,
        expectation: Expectation,
        limits: Limits,
    ) -> Result<Self, LayerError> {
        let (pieces, from_caller) = sync_channel(PIECES);
        let (full, to_store) = sync_channel(QUEUE);
        let (empty, recycled) = sync_channel(QUEUE + 2);
        let out = Buffers { current: Vec::with_capacity(BUFFER), full, recycled };
        let spawn_inflate = thread::Builder::new().name("layer-inflate".to_owned());
        let spawn_store = thread::Builder::new().name("layer-store".to_owned());
        let inflate = spawn_inflate.spawn(move || inflate(&from_caller, out, limits)).map_err(LayerError::Read)?;
        let store = spawn_store.spawn(move || store(&to_store, &empty, sink)).map_err(LayerError::Read)?;
        Ok(Self { expectation, position: 0, pieces: Some(pieces), inflate: Some(inflate), store: Some(store) })
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Takes the blob's next bytes; waits while the threads are busy.
    pub(crate) fn write(&mut self, bytes: Bytes) -> Result<(), LayerError> {
        self.position += bytes.len() as u64;
        if let Some(expected) = self.expectation.blob_size
            && self.position > expected
        {
            return Err(LayerError::BlobSize { expected, actual: self.position });
        }
        match &self.pieces {
            Some(pieces) if pieces.send(bytes).is_ok() => Ok(()),
            _ => Err(self.join().err().unwrap_or_else(|| LayerError::Read(io::ErrorKind::BrokenPipe.into()))),
        }
    }

    /// Waits until all is written, and compares it with what was expected.
    pub(crate) fn verify(mut self) -> Result<Verified, LayerError> {
        let (blob, tar) = self.join()?;
        let actual = blob.digest.unwrap_or(tar.diff_id);
        if let Some(expected) = self.expectation.blob_size
            && expected != self.position
        {
            return Err(LayerError::BlobSize { expected, actual: self.position });
        }
        if let Some(expected) = self.expectation.blob
            && expected != actual
        {
            return Err(LayerError::BlobDigest { expected, actual });
        }
        if let Some(expected) = self.expectation.diff_id
            && expected != tar.diff_id
        {
            return Err(LayerError::DiffId { expected, actual: tar.diff_id });
        }
        Ok(Verified { diff_id: tar.diff_id, blob: actual, compression: blob.compression, sink: tar.sink })
    }

    /// Waits for both threads. If both failed, the second's reason is the first cause.
    fn join(&mut self) -> Result<(Blob, Tar), LayerError> {
        self.pieces = None;
        let panicked = || LayerError::Read(io::Error::other("a thread of the pipeline panicked"));
        let blob = self.inflate.take().ok_or_else(panicked).and_then(|t| t.join().map_err(|_| panicked()).flatten());
        let tar = self.store.take().ok_or_else(panicked).and_then(|t| t.join().map_err(|_| panicked()).flatten());
        let tar = tar?;
        Ok((blob?, tar))
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // The temporary file goes with the second thread's result.
        if self.store.is_some() {
            drop(self.join());
        }
    }
}

fn inflate(pieces: &Receiver<Bytes>, out: Buffers, limits: Limits) -> Result<Blob, LayerError> {
    let mut start = Vec::new();
    let mut hasher = Some(Hasher::new());
    let mut decompressor = Decompressor::new(out, limits);
    while let Ok(piece) = pieces.recv() {
        if start.len() < 4 && hasher.is_some() {
            start.extend(piece.iter().take(4));
            // Of a plain tar the second thread computes the digest.
            if start.len() >= 4 && sniff(&start) == Compression::None {
                hasher = None;
            }
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(&piece);
        }
        decompressor.write(&piece)?;
    }
    let (mut out, compression) = decompressor.finish()?;
    out.flush().map_err(LayerError::Write)?;
    Ok(Blob { digest: hasher.map(Hasher::finish), compression })
}

fn store(
    buffers: &Receiver<Vec<u8>>,
    recycle: &SyncSender<Vec<u8>>,
    mut sink: Box<dyn LayerSink>,
) -> Result<Tar, LayerError> {
    let mut hasher = Hasher::new();
    while let Ok(buffer) = buffers.recv() {
        hasher.update(&buffer);
        sink.write(&buffer)?;
        // The first thread may have ended.
        drop(recycle.try_send(buffer));
    }
    Ok(Tar { diff_id: hasher.finish(), sink })
}

/// Collects small writes into buffers for the second thread.
struct Buffers {
    current: Vec<u8>,
    full: SyncSender<Vec<u8>>,
    recycled: Receiver<Vec<u8>>,
}

impl Write for Buffers {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let take = bytes.len().min(BUFFER - self.current.len());
        self.current.extend_from_slice(&bytes[..take]);
        if self.current.len() == BUFFER {
            self.flush()?;
        }
        Ok(take)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.current.is_empty() {
            return Ok(());
        }
        let mut next = self.recycled.try_recv().unwrap_or_else(|_| Vec::with_capacity(BUFFER));
        next.clear();
        let full = std::mem::replace(&mut self.current, next);
        self.full.send(full).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
