//! Content store, layer store and its drivers, pull, load and save.

mod error;
mod layer;
mod model;
mod progress;
mod pull;
mod store;

pub use error::{Conflict, Error, ErrorKind, Result};
pub use layer::{Compression, Expectation, LayerError, LayerInfo, Limits};
pub use model::{
    ContainerUse, HistoryEntry, Image, ImageSummary, ImportOptions, ListOptions, Loaded, NewImage, Pruned, Removed,
    Usage,
};
pub use progress::{Progress, Status, Update};
pub use pull::{PullError, PullOptions, Pulled, host_platform, normalized, pull};
pub use store::{DriverKind, HeldLayer, KnownBlob, LayerWriter, Store, StoreOptions};
