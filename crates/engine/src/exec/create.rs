//! `exec create`.

use std::sync::Arc;

use teu_api::exec::{CreateRequest, IdResponse};

use super::registry::Exec;
use crate::container::{Handle, Phase};
use crate::{Engine, Error, ids};

impl Engine {
    /// Prepares a process in a running container.
    ///
    /// # Errors
    /// No such container; it is not running or paused; no command is given.
    pub async fn exec_create(&self, container: &str, request: CreateRequest) -> Result<IdResponse, Error> {
        let handle = self.containers().find(container)?;
        if request.cmd.as_ref().is_none_or(Vec::is_empty) {
            return Err(Error::Invalid("No exec command specified".to_owned()));
        }
        if request.env.iter().flatten().any(|v| v.is_empty() || v.starts_with('=')) {
            return Err(Error::Invalid("invalid environment variable: must not be empty".to_owned()));
        }
        check_container(&handle, container)?;
        let exec = Arc::new(Exec::new(ids::random_id()?, handle, request));
        let id = exec.id.clone();
        let action = format!("exec_create: {}", exec.line());
        self.container_event(&exec.container.view().definition, &action, &[("execID", id.clone())]);
        self.execs().add(exec);
        Ok(IdResponse { id })
    }
}

/// Whether a process can be added to a container, which the client calls `name`.
pub(super) fn check_container(handle: &Handle, name: &str) -> Result<(), Error> {
    let id = &handle.id;
    match handle.view().state.phase {
        Phase::Running(_) => Ok(()),
        Phase::Paused(_) => {
            Err(Error::Conflict(format!("Container {name} is paused, unpause the container before exec")))
        }
        Phase::Restarting(_) => {
            Err(Error::Conflict(format!("container {id} is restarting, wait until the container is running")))
        }
        _ => Err(Error::NotRunning(id.clone())),
    }
}
