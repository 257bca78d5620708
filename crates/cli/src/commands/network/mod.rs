//! `network`.

pub(super) mod inspect;
pub(super) mod ls;
