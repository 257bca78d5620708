//! A thread that removes what nobody waits for: giving the blocks and cached pages of a large layer back takes the kernel
//! a tenth of a second.
//!
//! What is to go was moved to `ingest` before, so that it is out of the way at once, and a killed engine removes it at its
//! next start.

use std::sync::Mutex;
use std::sync::mpsc::{self, Sender, SyncSender};

use crate::temporary::Temporary;

enum Task {
    Remove(Temporary),
    Do(Box<dyn FnOnce() + Send>),
    /// Everything sent before is done when this is answered.
    Answer(SyncSender<()>),
}

/// The handle to the thread, which ends with it, when it has removed everything.
pub(crate) struct Reaper {
    tasks: Mutex<Option<Sender<Task>>>,
}

impl Reaper {
    pub(crate) fn new() -> Self {
        Self { tasks: Mutex::new(None) }
    }

    /// Removes it soon. Errors are logged: what stays is tried again at the next start.
    pub(crate) fn remove(&self, doomed: Temporary) {
        if let Err(Task::Remove(doomed)) = self.send(Task::Remove(doomed)) {
            remove(doomed);
        }
    }

    /// Does something else that nobody waits for. Without a thread it is not done.
    pub(crate) fn later(&self, work: impl FnOnce() + Send + 'static) {
        drop(self.send(Task::Do(Box::new(work))));
    }

    /// Waits until all is removed that was sent before.
    pub(crate) fn drain(&self) {
        let (answer, done) = mpsc::sync_channel(1);
        if self.send(Task::Answer(answer)).is_ok() {
            // An error means that the thread has ended, and with it its tasks.
            let _ = done.recv();
        }
    }

    /// Starts the thread the first time. Gives the task back if that fails.
    fn send(&self, task: Task) -> Result<(), Task> {
        let mut tasks = self.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if tasks.is_none() {
            let (sender, queue) = mpsc::channel();
            let thread = std::thread::Builder::new().name("reaper".to_owned()).spawn(move || {
                for task in queue {
                    match task {
                        Task::Remove(doomed) => remove(doomed),
                        Task::Do(work) => work(),
                        Task::Answer(answer) => {
                            let _ = answer.send(());
                        }
                    }
                }
            });
            if thread.is_ok() {
                *tasks = Some(sender);
            }
        }
        match tasks.as_ref() {
            Some(sender) => sender.send(task).map_err(|mpsc::SendError(task)| task),
            None => Err(task),
        }
    }
}

fn remove(doomed: Temporary) {
    let path = doomed.path().to_owned();
    if let Err(error) = doomed.remove() {
        tracing::warn!(path = %path.display(), %error, "cannot remove a layer");
    }
}
