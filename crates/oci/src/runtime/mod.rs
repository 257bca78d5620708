//! Types of the OCI runtime specification, version 1.2 (and the additions of 1.3 that concern Linux).
//!
//! Field names and meanings are those of `config.md`, `config-linux.md`, `runtime.md` and `features.md` of
//! <https://github.com/opencontainers/runtime-spec>. Every field has a default, so that an incomplete document parses and
//! the validation that follows can say what is missing. Sections of other platforms (`solaris`, `windows`, `vm`, `zos`) are
//! ignored. Like Go's decoder, `null` reads as the default for lists and maps.

mod features;
mod id_maps;
mod linux;
mod process;
mod resources;
mod seccomp;
mod spec;
mod state;

pub use features::*;
pub use id_maps::*;
pub use linux::*;
pub use process::*;
pub use resources::*;
pub use seccomp::*;
pub use spec::*;
pub use state::*;

use serde::{Deserialize, Deserializer};

/// The version of the specification that these types follow.
pub const VERSION: &str = "1.2.1";

/// Reads `null` as the default value, as Go's JSON decoder does.
fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// For `skip_serializing_if` on switches that are off by default.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// For `skip_serializing_if` on anything that equals its default.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
