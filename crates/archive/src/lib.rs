//! Trees of files that somebody else may be changing, as tar archives: reading them ([`Packer`]), writing them
//! ([`Unpacker`]), walking them.
//!
//! A tree is given by a descriptor of its root. Whatever is below is reached from there with `openat2`, so that no link
//! in it leads out of it, and nothing is opened before it is known what it is: no device, no FIFO.

mod entries;
#[doc(hidden)]
pub mod fuzzing;
mod owners;
mod pack;
mod rebase;
mod unpack;
mod walk;

pub use owners::Owners;
pub use pack::{Form, Packer};
pub use rebase::rebase;
pub use unpack::{Ownership, Rules, Unpacker};
pub use walk::{Found, Tree, names, open_content, read_link, walk};
