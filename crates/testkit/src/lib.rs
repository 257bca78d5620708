//! What tests share: images made from local files, private namespaces, engines on demand.

pub mod chaos;
pub mod engine;
pub mod executable;
pub mod filter;
pub mod host;
pub mod image;
pub mod random;
pub mod registry;
pub mod torture;
pub mod trial;
pub mod upgrade;
