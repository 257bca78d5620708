//! OCI runtime, image and distribution types, references, digests and ids; no I/O.
