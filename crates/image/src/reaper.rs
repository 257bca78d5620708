//! A thread that removes what nobody waits for: giving the blocks and cached pages of a large layer back takes the kernel
//! a tenth of a second.
//!
//! What is to go was moved to `ingest` before, so that it is out of the way at once, and a killed engine removes it at its
//! next start.

use std::sync::mpsc::{self, Sender, SyncSender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

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
    pauses: Arc<Pauses>,
}

/// How many wait for the disk, and want nothing to be removed meanwhile.
#[derive(Default)]
struct Pauses {
    held: Mutex<usize>,
    none: Condvar,
}

impl Pauses {
    /// Waits until nobody holds one.
    fn wait(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.none.wait_while(held, |held| *held > 0));
    }
}

/// As long as it lives, nothing more begins to be removed.
pub(crate) struct Pause(Arc<Pauses>);

impl Drop for Pause {
    fn drop(&mut self) {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held -= 1;
        if *held == 0 {
            self.0.none.notify_all();
        }
    }
}

impl Reaper {
    pub(crate) fn new() -> Self {
        Self { tasks: Mutex::new(None), pauses: Arc::default() }
    }

    /// For who syncs something small: blocks that are given back get into the transaction of the file system that it waits
    /// for, and with them all that was written just before. Does not wait for what is being removed already.
    pub(crate) fn pause(&self) -> Pause {
        *self.pauses.held.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Pause(Arc::clone(&self.pauses))
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
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.is_none() {
            let (sender, queue) = mpsc::channel();
            let pauses = Arc::clone(&self.pauses);
            let thread = std::thread::Builder::new().name("reaper".to_owned()).spawn(move || {
                for task in queue {
                    match task {
                        Task::Remove(doomed) => {
                            pauses.wait();
                            remove(doomed);
                        }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::driver::INGEST;

    #[test]
    fn nothing_is_removed_while_somebody_syncs() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(INGEST)).unwrap();
        let (doomed, _) = Temporary::file(folder.path()).unwrap();
        let path = doomed.path().to_owned();
        let reaper = Reaper::new();
        let (first, second) = (reaper.pause(), reaper.pause());
        reaper.remove(doomed);
        drop(first);
        std::thread::sleep(Duration::from_millis(50));
        assert!(path.exists());
        drop(second);
        reaper.drain();
        assert!(!path.exists());
    }
}
