//! `--init`: a small program in front of the container's own.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use teu_api::container::HostConfig;
use teu_sys::init::PROGRAM;

use crate::{Engine, Error};

/// Where it is in the container, as with Docker.
pub(super) const INSIDE: &str = "/sbin/docker-init";

impl Engine {
    /// The file that is mounted as the container's init, if it has one. Without a process namespace of its own there is
    /// nobody it could be the init of.
    pub(super) fn init_program(&self, host: &HostConfig) -> Result<Option<PathBuf>, Error> {
        if !host.init.unwrap_or(self.config().init) || !host.pid_mode.is_empty() {
            return Ok(None);
        }
        if let Some(own) = &self.config().init_path {
            return Ok(Some(own.clone()));
        }
        let path = self.config().exec_root.join("docker-init");
        // Three kilobytes are read faster than it would be remembered for sure that they are still the same.
        if std::fs::read(&path).is_ok_and(|found| found == PROGRAM) {
            return Ok(Some(path));
        }
        let fail = |source| Error::File { path: path.clone(), source };
        let new = path.with_extension(crate::ids::mark());
        std::fs::write(&new, PROGRAM).map_err(fail)?;
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o555)).map_err(fail)?;
        std::fs::rename(&new, &path).map_err(fail)?;
        Ok(Some(path))
    }
}
