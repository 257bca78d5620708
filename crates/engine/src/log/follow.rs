//! A log as a stream: what is there, then what comes.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt;
use rustix::fs::inotify;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use super::format::Format;
use super::position::Position;
use super::reader::{self, Select};
use crate::Error;
use crate::stream::ByteStream;

/// How many chunks may wait for a slow reader.
const AHEAD: usize = 4;

type Sender = mpsc::Sender<Result<Bytes, Error>>;

/// A log on disk.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// The file that is written to; those before it are beside it.
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
}

/// Streams a log. With `select.follow` it goes on until `stopped` resolves and the log has been read to its end.
pub(crate) fn stream(log: Stored, select: Select, stopped: impl Future<Output = ()> + Send + 'static) -> ByteStream {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        if let Err(source) = run(&log, select, stopped, &sender).await {
            // The receiver may be gone: nobody to tell then.
            drop(sender.send(Err(Error::File { path: log.path, source })).await);
        }
    });
    futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|batch| (batch, receiver))
    })
    .boxed()
}

async fn run(
    log: &Stored,
    select: Select,
    stopped: impl Future<Output = ()> + Send,
    sender: &Sender,
) -> io::Result<()> {
    // The watch comes before the first read, so that nothing written in between goes unnoticed.
    let watch = match select.follow.then(|| Watch::new(&log.path)).transpose() {
        // The container has been removed, and nothing is left to tell.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        watch => watch?,
    };
    let Some(mut position) = history(log.clone(), select.clone(), sender.clone()).await? else { return Ok(()) };
    let Some(watch) = watch else { return Ok(()) };
    let mut stopped = std::pin::pin!(stopped);
    let mut over = false;
    loop {
        match drain(position, log.format, &select, sender).await? {
            Some(back) => position = back,
            None => return Ok(()),
        }
        if over {
            return Ok(());
        }
        tokio::select! {
            changed = watch.changed() => changed?,
            // One more round reads what was written up to the end.
            () = &mut stopped => over = true,
            () = sender.closed() => return Ok(()),
        }
    }
}

/// Sends what the files hold now; returns where the newest one was left, or nothing if that was all that is wanted.
async fn history(log: Stored, select: Select, sender: Sender) -> io::Result<Option<Position>> {
    blocking(move || {
        let mut last = None;
        for mut position in Position::history(&log.path, log.format, select.tail)? {
            loop {
                let content = position.read()?;
                if content.is_empty() {
                    break;
                }
                let batch = reader::convert(&content, log.format, &select);
                if !send(&sender, batch.output) || batch.finished {
                    return Ok(None);
                }
            }
            last = Some(position);
        }
        Ok(last)
    })
    .await
}

/// False if nobody listens any more. Nothing is not sent.
fn send(sender: &Sender, output: Bytes) -> bool {
    output.is_empty() || sender.blocking_send(Ok(output)).is_ok()
}

/// Sends everything up to the end of the newest file; `None` if that is all, or nobody listens.
async fn drain(
    mut position: Position,
    format: Format,
    select: &Select,
    sender: &Sender,
) -> io::Result<Option<Position>> {
    let (select, sender) = (select.clone(), sender.clone());
    blocking(move || {
        loop {
            let content = position.read_on()?;
            if content.is_empty() {
                return Ok(Some(position));
            }
            let batch = reader::convert(&content, format, &select);
            if !send(&sender, batch.output) || batch.finished {
                return Ok(None);
            }
        }
    })
    .await
}

/// Tells when a log has grown or was rotated. An inotify descriptor reads like a pipe, so tokio's pipe serves.
pub(super) struct Watch(pipe::Receiver);

impl Watch {
    pub(super) fn new(path: &Path) -> io::Result<Watch> {
        let fd = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let events = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
        inotify::add_watch(&fd, folder, events)?;
        Ok(Watch(pipe::Receiver::from_owned_fd_unchecked(fd)?))
    }

    /// Resolves at the next change; several changes may be one.
    pub(super) async fn changed(&self) -> io::Result<()> {
        self.0.readable().await?;
        let mut sink = [0; 4096];
        while self.0.try_read(&mut sink).is_ok_and(|n| n > 0) {}
        Ok(())
    }
}

/// Runs file I/O away from the runtime's threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
