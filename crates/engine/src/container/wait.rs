//! `wait`: until a container ends.

use teu_api::container::{WaitCondition, WaitResponse};

use crate::{Engine, Error};

/// A wait that has begun: what happens from now on is not missed.
#[derive(Debug)]
pub struct Wait {}

impl Wait {
    /// Resolves when the condition holds. The exit code is 128 and more after a signal, 255 if nobody knows.
    pub async fn exit(self) -> WaitResponse {
        todo!()
    }
}

impl Engine {
    /// Begins to wait. Returns at once, so that a client can be told that its wait is registered.
    ///
    /// # Errors
    /// No such container.
    pub async fn container_wait(&self, container: &str, condition: WaitCondition) -> Result<Wait, Error> {
        let _ = (container, condition);
        todo!()
    }
}
