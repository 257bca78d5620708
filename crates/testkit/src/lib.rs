//! What tests share: images made from local files, private namespaces, engines on demand.

pub mod registry;
