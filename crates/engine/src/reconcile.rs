//! The whole engine after its start, or after the keeper's: a full diff in both directions.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use teu_keeper::Listed;
use teu_keeper::protocol::{AdoptRequest, Health, ProcessRef, Request};
use teu_network::LiveContainer;

use crate::backend::KEEPERS;
use crate::backend::Restored;
use crate::cgroups::STARTING;
use crate::container::{Actor, Command, Handle, View, read_stored, signal};
use crate::store::{ContainerRow, Contents, Write};
use crate::{Engine, Error};

/// How much later than that the second look for control groups is.
const SECOND_LOOK: Duration = Duration::from_secs(5);

impl Engine {
    /// Brings stored containers back, compares them with what the keeper, the network and the disk know, and lets
    /// restart policies act.
    pub(crate) async fn reconcile(&self, contents: Contents) -> Result<(), Error> {
        let handles: Vec<Arc<Handle>> = contents.containers.iter().filter_map(|row| self.revive(row)).collect();
        let (asked, epoch) = (Instant::now(), self.processes().epoch());
        let (mut listed, execs) = self.listed().await?;
        self.adopt_networks(&handles, &listed).await;
        let answers = handles.iter().map(|handle| {
            let listed = listed.remove(&handle.id);
            handle.ask(move |reply| Command::Reconcile { listed, asked, epoch, revive: true, reply })
        });
        let answers: Vec<_> = answers.collect();
        for (handle, result) in handles.iter().zip(join_all(answers).await) {
            // A container that removed itself answers nobody.
            if let Err(error) = result
                && self.containers().get(&handle.id).is_some()
            {
                tracing::error!(container = handle.id, %error, "the container could not be reconciled");
            }
        }
        self.revive_execs(execs, epoch).await;
        // What a stranger's keeper still writes to is deleted when it has ended.
        let strangers: HashSet<String> = listed.keys().cloned().collect();
        for stranger in listed.into_values() {
            self.discard(stranger);
        }
        if contents.rebuilt {
            tracing::warn!(
                "files that belong to no container are kept until the next start: the state database may lack some"
            );
            return Ok(());
        }
        self.sweep(&strangers);
        Ok(())
    }

    /// A new keeper took over, that of `epoch`: gives it what is held here. If it dies meanwhile, its successor is next.
    pub(crate) async fn adopt(&self, epoch: u64) -> Result<(), Error> {
        let asked = Instant::now();
        let mut execs = Vec::new();
        let mut listed = HashMap::new();
        let processes = match self.processes().list().await {
            Err(teu_keeper::Error::Gone) => return Ok(()),
            Err(error) => {
                self.hookups().carried_over(epoch);
                return Err(error.into());
            }
            Ok(processes) => processes,
        };
        if self.carry_over(&processes, asked, epoch).await.is_err() {
            return Ok(());
        }
        self.hookups().carried_over(epoch);
        for process in processes {
            match &process.state.process.exec {
                None => drop(listed.insert(process.state.process.container.clone(), process)),
                Some(_) => execs.push(process),
            }
        }
        let handles: Vec<_> = self.containers().all();
        let answers = handles.iter().map(|handle| {
            let listed = listed.remove(&handle.id);
            handle.ask(move |reply| Command::Reconcile { listed, asked, epoch, revive: false, reply })
        });
        for result in join_all(answers.collect::<Vec<_>>()).await {
            if let Err(error) = result {
                tracing::error!(%error, "a container could not be given to the new keeper");
            }
        }
        self.adopt_execs(execs, asked, epoch).await;
        // Removed in the meantime; the keeper died before it was told to forget it.
        listed.into_values().for_each(|stranger| self.discard(stranger));
        Ok(())
    }

    /// Brings one stored container back.
    fn revive(&self, row: &ContainerRow) -> Option<Arc<Handle>> {
        let view: View = match read_stored(row) {
            Ok(view) => view,
            Err(error) => {
                tracing::error!(%error, "a stored container cannot be read and is left alone");
                return None;
            }
        };
        let (id, name) = (view.definition.id.clone(), view.definition.name.clone());
        match self.images().restore(&id, &view.definition.image, view.definition.ids.as_ref()) {
            Ok(Restored::There) => self.restore_folder(&id),
            Ok(Restored::Gone) => {
                tracing::warn!(
                    container = id,
                    "a container without root file system is forgotten: half created or removed"
                );
                self.store().put(Write::Delete { id });
                return None;
            }
            Ok(Restored::Elsewhere(driver)) => {
                tracing::error!(container = id, driver, "a container of another storage driver is left alone");
                return None;
            }
            Err(error) => tracing::error!(container = id, %error, "a container's root file system cannot be restored"),
        }
        if let Err(error) = self.containers().reserve(&name, &id) {
            tracing::error!(%error, "a stored container's name is taken");
            return None;
        }
        let (handle, inbox) = Handle::new(view);
        Actor::spawn(self.clone(), Arc::clone(&handle), inbox);
        self.containers().add(Arc::clone(&handle));
        Some(handle)
    }

    /// Makes a container's folder if a power cut took it.
    fn restore_folder(&self, id: &str) {
        let folder = self.container_folder(id);
        if let Err(error) = std::fs::create_dir_all(&folder) {
            tracing::error!(folder = %folder.display(), %error, "a container's folder cannot be made");
        }
    }

    /// Containers that the keeper knows, and the execs in them.
    async fn listed(&self) -> Result<(HashMap<String, Listed>, Vec<Listed>), Error> {
        let all = self.list_processes().await?;
        let (execs, containers): (Vec<_>, Vec<_>) = all.into_iter().partition(|l| l.state.process.exec.is_some());
        let by_id = containers.into_iter().map(|listed| (listed.state.process.container.clone(), listed));
        Ok((by_id.collect(), execs))
    }

    /// Everything the keeper knows, or its successor if it dies while it tells.
    pub(crate) async fn list_processes(&self) -> Result<Vec<Listed>, Error> {
        let processes = self.processes();
        for _ in 0..KEEPERS {
            let epoch = processes.epoch();
            match processes.list().await {
                Err(teu_keeper::Error::Gone) => processes.renewed(epoch).await?,
                other => return Ok(other?),
            }
        }
        Err(Error::Unavailable("one keeper after the other dies".to_owned()))
    }

    /// Tells the network layer which containers live.
    async fn adopt_networks(&self, handles: &[Arc<Handle>], listed: &HashMap<String, Listed>) {
        let Ok(networks) = self.networks() else { return };
        let live: Vec<LiveContainer> = handles
            .iter()
            .filter_map(|handle| Some((handle.view(), listed.get(&handle.id)?.state.pid)))
            // One that runs may be on no network at the moment.
            .filter(|(view, _)| view.state.is_up() || !view.endpoints.is_empty())
            .map(|(view, pid)| self.living(&view, pid))
            .collect();
        match tokio::task::spawn_blocking(move || networks.adopt(&live).map_err(Error::from)).await {
            Ok(Ok(adoption)) => tracing::debug!(?adoption, "networks reconciled"),
            Ok(Err(error)) => tracing::error!(%error, "networks could not be reconciled"),
            Err(error) => tracing::error!(%error, "networks could not be reconciled"),
        }
    }

    /// Ends a container that the keeper knows and the database does not: its creation was never answered, or its
    /// removal was.
    fn discard(&self, stranger: Listed) {
        let id = stranger.state.process.container;
        tracing::warn!(container = id, "a container that is not in the database is ended");
        let engine = self.clone();
        tokio::spawn(async move {
            let process = ProcessRef::container(&id);
            let request = match stranger.state.health {
                Health::Exited(_) => return engine.forget_stranger(&id).await,
                Health::Running => Request::Signal { process, signal: signal::KILL, all: true },
                Health::Orphaned => Request::Adopt(AdoptRequest { process, fds: Vec::new() }),
            };
            // Its exit is reported as every other, and then it is forgotten.
            if let Err(error) = engine.processes().call(request, Vec::new()).await {
                tracing::error!(container = id, %error, "it could not be ended");
            }
        });
    }

    /// Forgets a container that nobody knows and that has ended, and deletes what it left.
    pub(crate) async fn forget_stranger(&self, id: &str) {
        self.acknowledged(ProcessRef::container(id)).await;
        let (engine, id) = (self.clone(), id.to_owned());
        // A panic is logged by the runtime.
        drop(tokio::task::spawn_blocking(move || engine.delete_leftovers(&id)).await);
    }

    /// Tells the keeper that nobody needs an exit record.
    pub(crate) fn acknowledge_exit(&self, process: ProcessRef) {
        let engine = self.clone();
        tokio::spawn(async move { engine.acknowledged(process).await });
    }

    /// Tells the keeper that nobody needs an exit record, and its successor if it dies meanwhile.
    pub(crate) async fn acknowledged(&self, process: ProcessRef) {
        for _ in 0..KEEPERS {
            let epoch = self.processes().epoch();
            // It forgets the process with its output: those who get that must be there before.
            self.hookups().wait_until_carried_over(epoch).await;
            let request = Request::AckExit { process: process.clone() };
            match self.processes().call_at(epoch, request, Vec::new()).await {
                Err(teu_keeper::Error::Gone) if self.processes().renewed(epoch).await.is_ok() => {}
                Err(error) => return tracing::debug!(%process, %error, "the keeper still keeps an exit record"),
                Ok(_) => return,
            }
        }
    }

    /// Deletes in the background what belongs to no container and to none of the `strangers`. What that is is found out
    /// at once: a container that is created from now on is not among it.
    fn sweep(&self, strangers: &HashSet<String>) {
        let known: HashSet<String> = self.containers().all().iter().map(|h| h.id.clone()).collect();
        let stale = |id: &String| teu_oci::id::is_full(id) && !known.contains(id) && !strangers.contains(id);
        let keys = self.images().keys().unwrap_or_else(|error| {
            tracing::error!(%error, "root file systems could not be listed");
            Vec::new()
        });
        let folders = std::fs::read_dir(self.containers_folder()).into_iter().flatten().flatten();
        let folders = folders.filter_map(|folder| folder.file_name().into_string().ok());
        let left: BTreeSet<String> = keys.into_iter().chain(folders).filter(stale).collect();
        self.sweep_cgroups(stale);
        let engine = self.clone();
        tokio::task::spawn_blocking(move || left.iter().for_each(|id| engine.delete_leftovers(id)));
        tokio::spawn(self.clone().sweep_young_cgroups());
    }

    /// Removes control groups that were too young to be told from those of containers about to start.
    async fn sweep_young_cgroups(self) {
        tokio::time::sleep(STARTING + SECOND_LOOK).await;
        let work = move || {
            let known: HashSet<String> = self.containers().all().iter().map(|h| h.id.clone()).collect();
            self.sweep_cgroups(|id| teu_oci::id::is_full(id) && !known.contains(id));
        };
        // A panic is logged by the runtime.
        drop(tokio::task::spawn_blocking(work).await);
    }

    /// Deletes the root file system and folder of a container that is gone.
    fn delete_leftovers(&self, id: &str) {
        tracing::info!(id, "files of a container that is gone are deleted");
        if let Err(error) = self.images().remove(id) {
            tracing::error!(id, %error, "its root file system could not be removed");
        }
        match std::fs::remove_dir_all(self.container_folder(id)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::error!(id, %error, "its folder could not be removed");
            }
            _ => {}
        }
    }
}
