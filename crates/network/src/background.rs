//! Threads that serve sockets: one for each purpose, started with the first socket.

use std::io;
use std::sync::Mutex;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::pool::lock;

/// A thread with a runtime of its own. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Background {
    name: &'static str,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    handle: Handle,
    /// Closing it ends the thread.
    _stop: oneshot::Sender<()>,
}

impl Background {
    pub(crate) fn new(name: &'static str) -> Background {
        Background { name, running: Mutex::default() }
    }

    /// The thread's runtime; started if it does not run yet.
    pub(crate) fn handle(&self) -> io::Result<Handle> {
        let mut running = lock(&self.running);
        if let Some(running) = &*running {
            return Ok(running.handle.clone());
        }
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::Builder::new().name(self.name.to_owned()).spawn(move || {
            // Ends with an error when the sender is dropped, which is what is waited for.
            let _ = runtime.block_on(stopped);
            // What still waits for a name server of somebody's is not waited for.
            runtime.shutdown_background();
        })?;
        *running = Some(Running { handle: handle.clone(), _stop: stop });
        Ok(handle)
    }
}
