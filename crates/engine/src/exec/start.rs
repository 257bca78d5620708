//! `exec start`.

use teu_api::exec::StartRequest;

use crate::{Attachment, Engine, Error};

/// A started exec.
#[derive(Debug)]
pub enum ExecStarted {
    /// It runs on its own.
    Detached,
    /// It runs, with these streams.
    Attached(Attachment),
}

impl Engine {
    /// Starts the process of an exec.
    ///
    /// # Errors
    /// No such exec; it was started before; its container is not running or paused; its program cannot be run.
    pub async fn exec_start(&self, exec: &str, request: StartRequest) -> Result<ExecStarted, Error> {
        let _ = (exec, request);
        todo!()
    }
}
