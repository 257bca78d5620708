//! `image`.

pub(super) mod history;
pub(crate) mod import;
pub(super) mod inspect;
pub(super) mod load;
pub(super) mod ls;
pub(super) mod prune;
pub(super) mod pull;
pub(super) mod rm;
pub(crate) mod save;
pub(super) mod tag;
