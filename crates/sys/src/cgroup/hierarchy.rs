//! What the machine has mounted.

use super::{Controller, Result};

/// Which version of cgroups the machine uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Hierarchies per controller only.
    V1,
    /// Hierarchies per controller, and a v2 hierarchy beside them.
    Hybrid,
    /// One unified hierarchy.
    V2,
}

/// What the machine has mounted: read once, used for every group.
#[derive(Clone, Debug)]
pub struct Hierarchy {}

impl Hierarchy {
    /// Reads `/proc/self/mountinfo`.
    ///
    /// # Errors
    /// [`Error::NotMounted`](super::Error::NotMounted) if there is no cgroup file system; a read error otherwise.
    pub fn detect() -> Result<Hierarchy> {
        todo!()
    }

    /// Which version.
    #[must_use]
    pub fn version(&self) -> Version {
        todo!()
    }

    /// Whether a controller is available at the root of any mounted hierarchy.
    #[must_use]
    pub fn has(&self, _controller: Controller) -> bool {
        todo!()
    }
}
