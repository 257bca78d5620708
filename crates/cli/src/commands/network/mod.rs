//! `network`.

pub(super) mod inspect;
pub(super) mod ls;
pub(super) mod prune;
