//! `load`: images from an archive.

use teu_api::progress::Message;
use tokio::io::AsyncRead;
use tokio_util::io::SyncIoBridge;

use super::image_event;
use super::progress::Reporter;
use crate::{Engine, Error, ProgressStream};

impl Engine {
    /// Loads every image of an archive (`docker save` or OCI layout, compressed or not).
    ///
    /// # Errors
    /// What goes wrong comes as an error on the stream.
    pub async fn image_load(
        &self,
        archive: impl AsyncRead + Send + Unpin + 'static,
        quiet: bool,
    ) -> Result<ProgressStream, Error> {
        let library = self.library()?;
        let (reporter, stream) = Reporter::new(quiet);
        let engine = self.clone();
        let archive = SyncIoBridge::new(archive);
        tokio::task::spawn_blocking(move || match library.load(archive, &reporter) {
            Ok(images) => {
                for image in images {
                    let id = image.id.to_string();
                    let names: Vec<String> = image.tags.iter().map(|tag| tag.familiar()).collect();
                    if names.is_empty() {
                        reporter.send(stream_line(format!("Loaded image ID: {id}")));
                    }
                    for name in names {
                        reporter.send(stream_line(format!("Loaded image: {name}")));
                    }
                    image_event(&engine, "load", &id, &id);
                }
            }
            Err(error) => reporter.fail(error.into()),
        });
        Ok(stream)
    }
}

fn stream_line(text: String) -> Message {
    Message { stream: text + "\n", ..Message::default() }
}
