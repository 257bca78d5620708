//! What the user sees: tables, Go templates, JSON, sizes and times, all as Docker prints them.

pub(crate) mod container;
pub(crate) mod disk_usage;
pub(crate) mod history;
pub(crate) mod image;
pub(crate) mod info;
pub(crate) mod natural;
pub(crate) mod network;
pub(crate) mod ordered;
pub(crate) mod plain;
pub(crate) mod ports;
pub(crate) mod row;
pub(crate) mod stats;
pub(crate) mod tabwriter;
pub(crate) mod template;
pub(crate) mod time;
pub(crate) mod units;
pub(crate) mod version;
pub(crate) mod volume;
