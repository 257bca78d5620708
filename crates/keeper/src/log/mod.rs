//! Container logs: every line exactly once, whenever the keeper is killed.
//!
//! Output waits in a FIFO that the container holds open itself. `splice` moves it from there to the end of a spool file
//! beside the FIFO: the kernel takes bytes out of the pipe and puts them into the file in one call that a signal cannot
//! cut, so the spool's size says what was consumed. Entries are encoded from the spool and appended to the log. Before
//! each append a [journal] record says where in which file it goes and which part of the spool it encodes;
//! encoding is a pure function of that part and the record, so after a kill at any instant the rest of a write that was
//! cut can be made again to the byte, and one that completed is seen to be complete by the log's size.
//!
//! A full disk is treated the same way: the write stays pending, nothing more is consumed, the container's output waits
//! in the pipe, and the write is resumed later.

pub(crate) mod archive;
mod cursor;
mod encode;
mod escape;
mod fault;
pub(crate) mod fuzzing;
mod journal;
mod json;
mod local;
mod relay;
mod rotate;
mod scan;
mod spool;
mod writer;

pub use archive::identity;
pub use cursor::LogCursor;
pub(crate) use relay::Relay;
pub(crate) use writer::{Log, Scratch, Taken};

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One of a process's two outputs. A terminal's is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stream {
    /// Standard output.
    Stdout = 0,
    /// Standard error.
    Stderr = 1,
}

impl Stream {
    pub(crate) const BOTH: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// Where the spool of an output is, below the process's directory.
pub(crate) fn spool_path(dir: &Path, stream: Stream) -> PathBuf {
    dir.join(match stream {
        Stream::Stdout => "stdout.spool",
        Stream::Stderr => "stderr.spool",
    })
}
