//! Images, as far as containers and clients are concerned; the store itself is `teu-image`.

mod history;
mod import;
mod inspect;
mod list;
mod load;
mod login;
mod progress;
mod prune;
mod pull;
mod remove;
mod save;
mod tag;
mod usage;

pub(crate) use import::reference;
pub(crate) use list::options as list_options;

use std::collections::BTreeMap;

use crate::events::Subject;
use crate::{Engine, Error};

/// Runs work on the store away from the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Part { part: "image", message: e.to_string() })?
}

/// Publishes an event about an image.
pub(crate) fn image_event(engine: &Engine, action: &str, id: &str, name: &str) {
    let attributes = BTreeMap::from([("name".to_owned(), name.to_owned())]);
    engine.events().publish(Subject::Image, action, id, attributes);
}
