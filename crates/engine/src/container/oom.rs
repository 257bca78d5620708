//! Containers that run out of memory: told when it happens, not only when they end.

use std::os::fd::AsFd;
use std::sync::Arc;

use jiff::Timestamp;
use teu_sys::cgroup::{Cgroup, OomWatch};
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinHandle;

use super::actor::{Actor, Command};
use super::handle::Handle;
use crate::Engine;

/// The task that waits for it. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct MemoryWatch(JoinHandle<()>);

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Actor {
    /// Waits from now on for the kernel to kill one of the container's processes for want of memory. Those without a limit
    /// are not watched: whether they were hit is asked at their end.
    pub(super) fn watch_memory(&mut self) {
        self.memory = None;
        let view = self.view();
        let Some(run) = view.state.run() else { return };
        if view.definition.host.memory <= 0 {
            return;
        }
        let path = self.engine.cgroup_path(&view.definition);
        let (engine, handle, is_told) = (self.engine.clone(), Arc::clone(&self.handle), view.state.out_of_memory);
        self.memory = Some(MemoryWatch(tokio::spawn(watch(engine, handle, path, run.started_at, is_told))));
    }

    /// The kernel has killed a process of the run that began at `run`.
    pub(super) fn out_of_memory(&mut self, run: Timestamp) {
        let view = self.view();
        if view.state.run().is_none_or(|current| current.started_at != run) {
            return;
        }
        self.event("oom", &[]);
        if !view.state.out_of_memory {
            self.change(|next| next.state.out_of_memory = true);
        }
    }
}

/// Tells of each kill from now on; also of those before, unless of one it `is_told` already.
async fn watch(engine: Engine, handle: Arc<Handle>, path: String, run: Timestamp, is_told: bool) {
    let opened = tokio::task::spawn_blocking(move || {
        let hierarchy = engine.machine().hierarchy.as_ref()?;
        Cgroup::open(hierarchy, &path).and_then(|group| group.watch_oom()).ok()
    });
    // It has ended already, or there is no memory controller.
    let Ok(Some(mut watch)) = opened.await else { return };
    if !is_told {
        watch = watch.from_the_start();
    }
    let Ok(signal) = watch.as_fd().try_clone_to_owned() else { return };
    // No pipe, but it becomes readable and is read like one.
    let Ok(signal) = Receiver::from_owned_fd_unchecked(signal) else { return };
    if watch.take() {
        handle.tell(Command::OutOfMemory { run });
    }
    while signal.readable().await.is_ok() {
        // Until nothing is left: then it is waited for anew.
        while signal.try_read(&mut [0; 512]).is_ok_and(|read| read > 0) {}
        if is_killed(&mut watch).await {
            handle.tell(Command::OutOfMemory { run });
        }
    }
}

/// Whether a process was killed since the last time, after a signal.
async fn is_killed(watch: &mut OomWatch) -> bool {
    if watch.take() {
        return true;
    }
    for pause in watch.pauses() {
        tokio::time::sleep(pause).await;
        if watch.take() {
            return true;
        }
    }
    false
}
