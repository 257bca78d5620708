//! `system`, and the commands about the engine itself.

pub(super) mod completion;
pub(super) mod df;
pub(super) mod events;
pub(super) mod info;
pub(super) mod prune;
pub(super) mod version;
