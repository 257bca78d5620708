//! `top`: the processes in a container.

use teu_api::container::Top;

use crate::{Engine, Error};

impl Engine {
    /// Lists a container's processes, with the columns that `ps_args` asks for (`-ef` if empty).
    ///
    /// # Errors
    /// No such container; it is not running; an argument of `ps` that is not supported.
    pub async fn container_top(&self, container: &str, ps_args: &str) -> Result<Top, Error> {
        let _ = (container, ps_args);
        todo!()
    }
}
