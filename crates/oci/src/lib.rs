//! OCI runtime, image and distribution types, references, digests and ids; no I/O.

pub mod defaults;
pub mod digest;
pub mod id;
pub mod image;
pub mod reference;
pub mod runtime;
