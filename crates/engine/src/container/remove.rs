//! `rm`: the end of a container.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use teu_api::container::RemoveOptions;

use super::actor::{Actor, Command, Intent};
use super::definition::Definition;
use super::handle::Handle;
use super::mounts::{Mount, Source};
use super::signal;
use super::state::Phase;
use crate::store::Write;
use crate::{Engine, Error};

/// How long a killed container may take to end before its removal gives up.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a container is killed that others start again while it is to be removed, and a folder emptied that others fill.
const ATTEMPTS: u32 = 10;

impl Engine {
    /// Removes a container. It is gone for every reader when this returns, and so are the volumes that go with it; other
    /// files are deleted in the background.
    ///
    /// # Errors
    /// No such container or link; it runs and `force` is not given; it is being removed already.
    pub async fn container_remove(&self, container: &str, options: RemoveOptions) -> Result<(), Error> {
        if options.link {
            return self.container_unlink(container).await;
        }
        let handle = self.containers().find(container)?;
        let mut attempts = if options.force { ATTEMPTS } else { 1 };
        loop {
            if options.force {
                self.end_for_removal(&handle).await?;
            }
            attempts -= 1;
            match handle.ask(|reply| Command::Remove { volumes: options.volumes, reply }).await {
                // Its own AutoRemove was faster.
                Err(Error::NoSuchContainer(_)) if options.force => return Ok(()),
                // Its policy or another client has started it meanwhile.
                Err(Error::Conflict(_)) if attempts > 0 && handle.view().state.is_active() => {}
                other => return other,
            }
        }
    }

    /// Kills a container if it runs, and waits until it has ended.
    async fn end_for_removal(&self, handle: &Handle) -> Result<(), Error> {
        let view = handle.view();
        if !view.state.is_active() {
            return Ok(());
        }
        match handle.ask(|reply| Command::Signal { signal: signal::KILL, intent: Intent::Stop, reply }).await {
            Ok(()) | Err(Error::NotRunning(_) | Error::NoSuchContainer(_)) => {}
            Err(error) => return Err(error),
        }
        if handle.wait_for(KILL_TIMEOUT, |view| !view.state.is_active()).await {
            return Ok(());
        }
        let (name, id) = (&view.definition.name, &handle.id);
        Err(Error::Unavailable(format!("cannot remove container \"/{name}\": could not kill container {id}")))
    }

    /// Deletes what a container leaves on disk.
    pub(super) async fn delete_files(&self, definition: Arc<Definition>) {
        let engine = self.clone();
        let work = move || {
            let id = &definition.id;
            engine.clear_cgroup(&engine.cgroup_path(&definition));
            if let Err(error) = engine.images().remove(id) {
                tracing::error!(container = id, %error, "the root file system could not be removed; it will be at the next start");
            }
            let folder = engine.container_folder(id);
            if let Err(error) = removed(|| std::fs::remove_dir_all(&folder)) {
                tracing::error!(folder = %folder.display(), %error, "a container's folder could not be removed");
            }
        };
        // A panic is logged by the runtime.
        drop(tokio::task::spawn_blocking(work).await);
    }

    /// Deletes volumes that came with a container, if no other one has them.
    async fn delete_volumes(&self, volumes: Vec<String>) {
        let engine = self.clone();
        let work = move || {
            for name in volumes.into_iter().filter(|name| !engine.uses_volume(name)) {
                match engine.volumes().remove(&name) {
                    Ok(()) => engine.volume_event("destroy", &name),
                    Err(error) => tracing::error!(volume = name, %error, "an anonymous volume could not be removed"),
                }
            }
        };
        // A panic is logged by the runtime.
        drop(tokio::task::spawn_blocking(work).await);
    }
}

impl Engine {
    /// Whether a container has this volume: others may have taken it over by `--volumes-from`.
    fn uses_volume(&self, wanted: &str) -> bool {
        let is = |mount: &Mount| matches!(&mount.source, Source::Volume { name, .. } if name == wanted);
        self.containers().all().iter().any(|handle| handle.view().definition.mounts.iter().any(is))
    }
}

impl Actor {
    /// Removes the container, which must not run.
    pub(super) async fn remove(&mut self, volumes: bool) -> Result<(), Error> {
        let view = self.view();
        let name = &view.definition.name;
        match &view.state.phase {
            Phase::Running(_) | Phase::Restarting(_) => {
                return Err(Error::Conflict(format!(
                    "cannot remove container \"/{name}\": container is {}: stop the container before removing or force remove",
                    view.state.word()
                )));
            }
            Phase::Paused(_) => {
                return Err(Error::Conflict(format!(
                    "cannot remove container \"/{name}\": container is paused and must be unpaused first"
                )));
            }
            Phase::Removing { .. } => {
                return Err(Error::Conflict(format!("removal of container {} is already in progress", self.handle.id)));
            }
            Phase::Created { .. } | Phase::Exited { .. } | Phase::Dead { .. } => {}
        }
        self.drop_prepared();
        self.restart_at = None;
        let id = self.handle.id.clone();
        // From here on the container does not exist: what is left of it on disk belongs to nobody, and if the engine
        // dies before it is deleted, reconciliation finds it.
        let deleted = self.engine.store().commit(Write::Delete { id: id.clone() });
        self.engine.containers().remove(&id);
        self.engine.execs().forget(&id);
        let unwanted = if volumes { anonymous(&view.definition.mounts) } else { Vec::new() };
        // Nothing else that is deleted is worth waiting for.
        let cleared = unwanted.is_empty();
        self.handle.publish(|next| (next.removed, next.cleared) = (true, cleared));
        let (engine, teardown) = (self.engine.clone(), self.teardown.take());
        let removal = engine.removals().begin(&id);
        let definition = Arc::clone(&view.definition);
        let (handle, mut watch) = (Arc::clone(&self.handle), self.handle.watch());
        tokio::spawn(async move {
            if let Some(teardown) = teardown {
                drop(teardown.await);
            }
            if !cleared {
                engine.delete_volumes(unwanted).await;
                handle.publish(|next| next.cleared = true);
            }
            drop(handle);
            engine.shippers().farewell(&definition.id).await;
            engine.delete_files(definition).await;
            drop(removal);
        });
        // What a client was told is gone stays so, whatever dies next, and nobody hears of the end twice: an engine that finds the
        // row removes it again.
        deleted.done().await?;
        self.event("destroy", &[]);
        // Should this fail, the engine is going down.
        drop(watch.wait_for(|view| view.cleared).await);
        Ok(())
    }
}

/// Removes a container's folder, `once` at a time. A keeper that has just taken over may begin to write to its log meanwhile.
fn removed(mut once: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        match once() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty && attempts > 0 => {}
            other => return other,
        }
    }
}

/// Names of the volumes that nobody named.
fn anonymous(mounts: &[Mount]) -> Vec<String> {
    let name = |mount: &Mount| match &mount.source {
        Source::Volume { name, anonymous: true, .. } => Some(name.clone()),
        _ => None,
    };
    mounts.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a removal that fails like this, time after time, and how often it was tried.
    fn tried(failures: &[ErrorKind]) -> (Result<(), ErrorKind>, usize) {
        let mut count = 0;
        let result = removed(|| {
            count += 1;
            failures.get(count - 1).map_or(Ok(()), |kind| Err((*kind).into()))
        });
        (result.map_err(|error| error.kind()), count)
    }

    #[test]
    fn a_folder_that_others_fill_is_emptied_again() {
        assert_eq!(tried(&[]), (Ok(()), 1));
        assert_eq!(tried(&[ErrorKind::DirectoryNotEmpty; 3]), (Ok(()), 4));
        assert_eq!(
            tried(&[ErrorKind::DirectoryNotEmpty, ErrorKind::NotFound]),
            (Ok(()), 2),
            "somebody else was faster"
        );
        // Not for ever, and nothing else is tried again.
        assert_eq!(tried(&[ErrorKind::DirectoryNotEmpty; 20]), (Err(ErrorKind::DirectoryNotEmpty), 10));
        assert_eq!(tried(&[ErrorKind::PermissionDenied]), (Err(ErrorKind::PermissionDenied), 1));
    }

    #[test]
    fn nothing_is_left_of_a_folder_that_is_written_to() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("container");
        std::fs::create_dir_all(folder.join("log")).unwrap();
        let mut writes = 3;
        let result = removed(|| {
            if writes > 0 {
                // As if it came between the emptying and the removal of the folder.
                writes -= 1;
                std::fs::write(folder.join("log/container.log"), "late").unwrap();
                return std::fs::remove_dir(folder.join("log"));
            }
            std::fs::remove_dir_all(&folder)
        });
        result.unwrap();
        assert_eq!((writes, folder.exists()), (0, false));
    }
}
