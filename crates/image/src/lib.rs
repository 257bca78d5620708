//! Content store, layer store and its drivers, pull, load and save.

mod changes;
pub mod database;
mod db;
mod driver;
mod erofs;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod glob;
mod ingest;
mod layer;
mod model;
mod mounter;
mod platform;
mod progress;
mod pull;
mod reaper;
mod store;
mod tar;
mod temporary;

pub use changes::apply as apply_changes;
pub use error::{Conflict, Error, ErrorKind, Result};
pub use layer::{Compression, Expectation, LayerError, LayerInfo, Limits};
pub use model::{
    ContainerUse, HistoryEntry, Image, ImageSummary, ImportOptions, ListOptions, Loaded, NewImage, Pruned, Removed,
    Usage,
};
pub use platform::{host_platform, normalized};
pub use progress::{Progress, Status, Update};
pub use pull::{PullError, PullOptions, Pulled, pull};
pub use store::{
    Change, ChangeKind, CommitOptions, DriverKind, HeldLayer, ImageUsage, KnownBlob, LayerWriter, SnapshotOptions,
    Store, StoreOptions, StoreUsage,
};
