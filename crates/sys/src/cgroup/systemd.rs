//! Cgroup paths in systemd's form.

use super::Result;

/// `slice:prefix:name`, as `--systemd-cgroup` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemdPath {
    /// `system.slice`, `user-1000.slice`, or empty for the default.
    pub slice: String,
    /// `docker`, `libpod`, `cri-containerd`.
    pub prefix: String,
    /// The container's id.
    pub name: String,
}

impl SystemdPath {
    /// Parses `slice:prefix:name`.
    ///
    /// # Errors
    /// [`Error::InvalidPath`](super::Error::InvalidPath) if there are not three parts or the slice is no slice.
    pub fn parse(_path: &str) -> Result<SystemdPath> {
        todo!()
    }

    /// The path that systemd itself would use: `/a.slice/a-b.slice/prefix-name.scope`.
    #[must_use]
    pub fn cgroup_path(&self) -> String {
        todo!()
    }
}
