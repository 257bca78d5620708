//! Inputs that lead into the parsers, made by code.

pub(crate) mod binary;
pub(crate) mod documents;
pub(crate) mod texts;
