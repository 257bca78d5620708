//! Integration tests of the image store. What mounts needs root; everything happens in temporary folders, and mounts
//! are detached or in the store's own namespace.

mod archives;
mod conformance;
mod init_layers;
mod malicious;
mod names;
mod tree;
