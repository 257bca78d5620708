//! The keeper as a process, driven through its client; containers are plain processes.

mod attach;
mod bench;
mod descriptors;
mod exec;
mod external;
mod footprint;
mod lifecycle;
mod native;
mod reserve;
mod takeover;
mod terminal;
mod torture;
mod upgrade;
