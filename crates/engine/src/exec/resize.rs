//! `exec resize`.

use teu_api::container::ResizeOptions;
use teu_keeper::protocol::{Request, WinSize};

use super::registry::Phase;
use crate::{Engine, Error};

impl Engine {
    /// Sets the size of an exec's terminal.
    ///
    /// # Errors
    /// No such exec; it is not running.
    pub async fn exec_resize(&self, exec: &str, size: ResizeOptions) -> Result<(), Error> {
        let exec = self.execs().find(exec)?;
        if !matches!(exec.phase(), Phase::Running { .. }) {
            return Err(Error::Conflict(format!("exec process {} is not running", exec.id)));
        }
        let cells = WinSize { rows: size.height, cols: size.width };
        self.ask_keeper(&exec.container.id, Request::Resize { process: exec.process(), size: cells }).await
    }
}
