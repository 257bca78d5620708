//! `wait`: until a container ends.

use std::sync::Arc;

use teu_api::container::{WaitCondition, WaitError, WaitResponse};
use tokio::sync::watch;

use super::handle::View;
use crate::{Engine, Error};

/// A wait that has begun: what happens from now on is not missed.
#[derive(Debug)]
pub struct Wait {
    watch: watch::Receiver<Arc<View>>,
    condition: WaitCondition,
    /// Ends before the wait began.
    exits: u64,
}

impl Wait {
    /// Resolves when the condition holds. The exit code is 128 and more after a signal, 255 if nobody knows.
    pub async fn exit(mut self) -> WaitResponse {
        let (condition, exits) = (self.condition, self.exits);
        let holds = |view: &Arc<View>| match condition {
            // One that is started again has ended, too: Docker's `wait` tells each end.
            WaitCondition::NotRunning => !view.state.is_active() || view.exits > exits,
            WaitCondition::NextExit => view.exits > exits,
            WaitCondition::Removed => false,
        };
        // Whoever waits for the removal may make something of the same name next.
        let gone = |view: &Arc<View>| if condition == WaitCondition::Removed { view.cleared } else { view.removed };
        let reached = self.watch.wait_for(|view| gone(view) || holds(view)).await;
        match reached {
            Ok(view) => {
                // For one that was removed, only a failed removal would be an error.
                let failure = view.state.failure().filter(|_| !view.removed);
                let error = failure.map(|f| WaitError { message: f.message.clone() });
                WaitResponse { status_code: i64::from(view.state.exit_code()), error }
            }
            // The engine is going down; the container runs on.
            Err(_) => {
                let error = WaitError { message: Error::ShuttingDown.to_string() };
                WaitResponse { status_code: -1, error: Some(error) }
            }
        }
    }
}

impl Engine {
    /// Begins to wait. Returns at once, so that a client can be told that its wait is registered.
    ///
    /// # Errors
    /// No such container.
    pub async fn container_wait(&self, container: &str, condition: WaitCondition) -> Result<Wait, Error> {
        let handle = self.containers().find(container)?;
        let watch = handle.watch();
        let exits = watch.borrow().exits;
        Ok(Wait { watch, condition, exits })
    }
}
