//! Archives on their way between threads that work on files and connections that do not wait.

use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use teu_api::client::{BodyStream, RequestBody};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::io::{ReaderStream, StreamReader, SyncIoBridge};

use super::plan::Plan;

/// Bytes gathered before they are sent.
const CHUNK: usize = 256 << 10;
/// Chunks that may wait for a slow connection.
const AHEAD: usize = 4;

/// A thread that makes an archive.
pub(super) type Work = JoinHandle<io::Result<()>>;

/// Bytes copied so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter(Arc<AtomicI64>);

impl Counter {
    fn add(&self, count: usize) {
        self.0.fetch_add(i64::try_from(count).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// How many.
    pub(super) fn bytes(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body that `write` makes on a thread of its own.
pub(super) fn made(
    copied: &Counter,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> (RequestBody, Work) {
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(AHEAD);
    let copied = copied.clone();
    let work = tokio::task::spawn_blocking(move || {
        let mut writer = BufWriter::with_capacity(CHUNK, Sender { to: sender.clone(), copied });
        let result = write(&mut writer).and_then(|()| writer.flush());
        if result.is_err() {
            // Half an archive must not be taken for a whole one. Nobody may be listening any more.
            drop(sender.blocking_send(Err(io::ErrorKind::Interrupted.into())));
        }
        result
    });
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    (RequestBody::stream(pieces), work)
}

/// An archive with other names, as the plan has them.
pub(super) fn renamed(archive: BodyStream, plan: &Plan, copied: &Counter) -> (RequestBody, Work) {
    let (old, new) = plan.rename.clone().unwrap_or_default();
    let archive = reader(archive, &Counter::default());
    made(copied, move |out| teu_archive::rebase(archive, out, old.as_bytes(), new.as_bytes()))
}

/// Standard input as a body.
pub(super) fn stdin() -> RequestBody {
    RequestBody::stream(ReaderStream::with_capacity(tokio::io::stdin(), CHUNK))
}

/// A body as something that a thread reads.
pub(super) fn reader(body: BodyStream, copied: &Counter) -> impl Read + Send + use<> {
    let reader = SyncIoBridge::new(StreamReader::new(Box::pin(body.into_stream())));
    Counted { from: reader, copied: copied.clone() }
}

struct Sender {
    to: mpsc::Sender<io::Result<Bytes>>,
    copied: Counter,
}

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.to.blocking_send(Ok(Bytes::copy_from_slice(bytes))) {
            Ok(()) => {
                self.copied.add(bytes.len());
                Ok(bytes.len())
            }
            Err(_) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the engine takes no more")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Counted<R> {
    from: R,
    copied: Counter,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.copied.add(count);
        Ok(count)
    }
}
