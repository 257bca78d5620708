//! `resize`: a terminal's size.

use teu_api::container::ResizeOptions;
use teu_keeper::protocol::{ProcessRef, Request, WinSize};

use crate::{Engine, Error};

impl Engine {
    /// Sets the size of a container's terminal.
    ///
    /// # Errors
    /// No such container; it is not running.
    pub async fn container_resize(&self, container: &str, size: ResizeOptions) -> Result<(), Error> {
        let handle = self.containers().find(container)?;
        let view = handle.view();
        if !view.state.is_up() {
            return Err(Error::NotRunning(handle.id.clone()));
        }
        if !view.definition.config.tty {
            // Nothing to size, and no failure to Docker.
            return Ok(());
        }
        let size_in_cells = WinSize { rows: size.height, cols: size.width };
        let process = ProcessRef::container(&handle.id);
        self.ask_keeper(&handle.id, Request::Resize { process, size: size_in_cells }).await?;
        let more = [("height", size.height.to_string()), ("width", size.width.to_string())];
        self.container_event(&view.definition, "resize", &more);
        Ok(())
    }
}
