//! `save`: images into an archive.

use std::io::{self, Write};

use bytes::Bytes;
use futures_util::StreamExt;
use teu_image::Store;
use teu_oci::digest::Digest;
use tokio::sync::mpsc;

use super::{blocking, image_event};
use crate::{ByteStream, Engine, Error};

/// Bytes gathered before they are sent.
const CHUNK: usize = 256 << 10;
/// Chunks that may wait for a slow client.
const AHEAD: usize = 4;

impl Engine {
    /// Writes images into one archive that both `load` and OCI tools read.
    ///
    /// # Errors
    /// No such image.
    pub async fn image_save(&self, names: Vec<String>) -> Result<ByteStream, Error> {
        if names.is_empty() {
            return Err(Error::Invalid("no images to save".to_owned()));
        }
        let library = self.library()?;
        let (lookup, wanted) = (library.clone(), names.clone());
        // Found first: a name that does not exist is an answer, not a broken archive.
        let ids =
            blocking(move || wanted.iter().map(|name| found(&lookup, name)).collect::<Result<Vec<_>, Error>>()).await?;
        for id in &ids {
            image_event(self, "save", &id.to_string(), &id.to_string());
        }
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            let mut writer = io::BufWriter::with_capacity(CHUNK, Sink(sender.clone()));
            let flushed = |mut writer: io::BufWriter<Sink>| writer.flush();
            let saved = library.save(&names, &mut writer).map_err(Error::from);
            let result =
                saved.and_then(|()| flushed(writer).map_err(|source| Error::File { path: "archive".into(), source }));
            if let Err(error) = result {
                // The client may have gone away.
                drop(sender.blocking_send(Err(error)));
            }
        });
        Ok(futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|item| (item, receiver))
        })
        .boxed())
    }
}

/// The image of a name; a missing one is called as the client called it.
fn found(library: &Store, name: &str) -> Result<Digest, Error> {
    match library.resolve(name) {
        Err(teu_image::Error::NoSuchImage(_)) => Err(Error::NoSuchImage(name.to_owned())),
        other => Ok(other?.id),
    }
}

/// A writer whose bytes become a stream.
struct Sink(mpsc::Sender<Result<Bytes, Error>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))) {
            Ok(()) => Ok(bytes.len()),
            Err(_) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone away")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
