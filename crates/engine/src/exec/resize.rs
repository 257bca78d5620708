//! `exec resize`.

use teu_api::container::ResizeOptions;

use crate::{Engine, Error};

impl Engine {
    /// Sets the size of an exec's terminal.
    ///
    /// # Errors
    /// No such exec; it is not running.
    pub async fn exec_resize(&self, exec: &str, size: ResizeOptions) -> Result<(), Error> {
        let _ = (exec, size);
        todo!()
    }
}
