//! Fuzz targets; see the crate `fuzz`.

pub use crate::dns::fuzzing::dns_query;
