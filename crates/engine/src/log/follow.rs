//! A log as a stream: what is there, then what comes.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt;
use rustix::fs::inotify;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use super::files::{self, LogFile};
use super::reader::{self, Select};
use super::tail;
use crate::Error;
use crate::stream::ByteStream;

/// How much of a file is converted at once.
const CHUNK: usize = 512 << 10;
/// How many chunks may wait for a slow reader.
const AHEAD: usize = 2;

type Sender = mpsc::Sender<Result<Bytes, Error>>;

/// Streams the log at `path`. With `select.follow` it goes on until `stopped` resolves and the log has been read to
/// its end.
pub(crate) fn stream(path: PathBuf, select: Select, stopped: impl Future<Output = ()> + Send + 'static) -> ByteStream {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        if let Err(source) = run(&path, select, stopped, &sender).await {
            // The receiver may be gone: nobody to tell then.
            drop(sender.send(Err(Error::File { path, source })).await);
        }
    });
    futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|batch| (batch, receiver))
    })
    .boxed()
}

/// A position in the newest file.
struct Cursor {
    path: PathBuf,
    file: Option<LogFile>,
    offset: u64,
    /// Lines longer than a chunk make it grow.
    chunk: usize,
}

/// What reading brought.
enum Read {
    Some {
        output: Bytes,
        finished: bool,
    },
    /// Nothing more at the moment.
    End,
}

async fn run(path: &Path, select: Select, stopped: impl Future<Output = ()> + Send, sender: &Sender) -> io::Result<()> {
    // The watch comes before the first read, so that nothing written in between goes unnoticed.
    let watch = if select.follow { Some(Watch::new(path)?) } else { None };
    let mut cursor = match history(path.to_owned(), select.clone(), sender.clone()).await? {
        Some(cursor) => cursor,
        None => return Ok(()),
    };
    let Some(watch) = watch else { return Ok(()) };
    let mut stopped = std::pin::pin!(stopped);
    let mut over = false;
    loop {
        match drain(cursor, &select, sender).await? {
            Some(back) => cursor = back,
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
async fn history(path: PathBuf, select: Select, sender: Sender) -> io::Result<Option<Cursor>> {
    blocking(move || {
        let mut files = files::open_all(&path)?;
        let skips = plan_tail(&files, select.tail)?;
        let Some(newest) = files.pop() else {
            return Ok(Some(Cursor { path, file: None, offset: 0, chunk: CHUNK }));
        };
        for (file, skip) in files.iter().zip(&skips) {
            let Some(skip) = *skip else { continue };
            let content = file.read_all()?;
            let batch = reader::convert(content.get(usize::try_from(skip).unwrap_or(0)..).unwrap_or(&[]), &select);
            if sender.blocking_send(Ok(batch.output)).is_err() || batch.finished {
                return Ok(None);
            }
        }
        let offset = skips.last().copied().flatten().unwrap_or(0);
        let mut cursor = Cursor { path, file: Some(newest), offset, chunk: CHUNK };
        loop {
            match cursor.read(&select)? {
                Read::End => return Ok(Some(cursor)),
                Read::Some { output, finished } => {
                    if sender.blocking_send(Ok(output)).is_err() || finished {
                        return Ok(None);
                    }
                }
            }
        }
    })
    .await
}

/// Where to begin in each file so that `tail` lines remain; `None` for a file that is not needed.
fn plan_tail(files: &[LogFile], tail: Option<usize>) -> io::Result<Vec<Option<u64>>> {
    let Some(mut left) = tail else { return Ok(vec![Some(0); files.len()]) };
    let mut skips = vec![None; files.len()];
    for (index, (file, skip)) in files.iter().zip(&mut skips).enumerate().rev() {
        // The newest file is always followed on from somewhere.
        if left == 0 && index + 1 < files.len() {
            break;
        }
        let (at, found) = if file.compressed {
            let (at, found) = tail::offset_in(&file.read_all()?, left);
            rustix::fs::seek(&file.file, rustix::fs::SeekFrom::Start(0))?;
            (at as u64, found)
        } else {
            tail::offset(&file.file, file.file.metadata()?.len(), left)?
        };
        *skip = Some(at);
        left -= found;
    }
    Ok(skips)
}

/// Sends everything up to the end of the newest file; `None` if that is all, or nobody listens.
async fn drain(mut cursor: Cursor, select: &Select, sender: &Sender) -> io::Result<Option<Cursor>> {
    loop {
        let wanted = select.clone();
        let (back, read) = blocking(move || {
            let read = cursor.read_or_advance(&wanted)?;
            Ok((cursor, read))
        })
        .await?;
        cursor = back;
        match read {
            Read::End => return Ok(Some(cursor)),
            Read::Some { output, finished } => {
                if (!output.is_empty() && sender.send(Ok(output)).await.is_err()) || finished {
                    return Ok(None);
                }
            }
        }
    }
}

impl Cursor {
    /// Converts the next chunk of the current file.
    fn read(&mut self, select: &Select) -> io::Result<Read> {
        let Some(file) = &self.file else { return Ok(Read::End) };
        let mut content = vec![0; self.chunk];
        let n = file.file.read_at(&mut content, self.offset)?;
        content.truncate(n);
        let batch = reader::convert(&content, select);
        if batch.used == 0 {
            if n < self.chunk {
                return Ok(Read::End);
            }
            self.chunk *= 2;
        } else {
            self.chunk = CHUNK;
        }
        self.offset += batch.used as u64;
        Ok(Read::Some { output: batch.output, finished: batch.finished })
    }

    /// The same, and on to the next file if the current one is finished and was rotated away.
    fn read_or_advance(&mut self, select: &Select) -> io::Result<Read> {
        let Some(inode) = self.file.as_ref().map(|f| f.inode) else {
            self.file = LogFile::open(&self.path).ok();
            return self.read(select);
        };
        // Asked before the read: what the old file got before its rotation is then read for sure.
        let successor = files::successor(&self.path, inode)?;
        match (self.read(select)?, successor) {
            (Read::End, Some(next)) => {
                self.file = Some(next);
                self.offset = 0;
                self.read(select)
            }
            (read, _) => Ok(read),
        }
    }
}

/// Tells when a log has grown or was rotated. An inotify descriptor reads like a pipe, so tokio's pipe serves.
struct Watch(pipe::Receiver);

impl Watch {
    fn new(path: &Path) -> io::Result<Watch> {
        let fd = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let events = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
        inotify::add_watch(&fd, folder, events)?;
        Ok(Watch(pipe::Receiver::from_owned_fd_unchecked(fd)?))
    }

    /// Resolves at the next change; several changes may be one.
    async fn changed(&self) -> io::Result<()> {
        self.0.readable().await?;
        let mut sink = [0; 4096];
        while self.0.try_read(&mut sink).is_ok_and(|n| n > 0) {}
        Ok(())
    }
}

/// Runs file I/O away from the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
