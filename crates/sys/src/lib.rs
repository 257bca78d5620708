//! Linux system interfaces: the only crate with unsafe code.
