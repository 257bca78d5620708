//! The whole engine after its start, or after the keeper's: a full diff in both directions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::join_all;
use teu_keeper::Listed;
use teu_keeper::protocol::{ProcessRef, Request};
use teu_network::LiveContainer;

use crate::container::{Actor, Command, Handle, View, read_stored};
use crate::store::{ContainerRow, Contents};
use crate::{Engine, Error};

impl Engine {
    /// Brings stored containers back, compares them with what the keeper, the network and the disk know, and lets
    /// restart policies act.
    pub(crate) async fn reconcile(&self, contents: Contents) -> Result<(), Error> {
        let handles: Vec<Arc<Handle>> = contents.containers.iter().filter_map(|row| self.revive(row)).collect();
        let mut listed = self.listed().await?;
        self.adopt_networks(&handles, &listed).await;
        let asked = handles.iter().map(|handle| {
            let listed = listed.remove(&handle.id);
            handle.ask(|reply| Command::Reconcile { listed, reply })
        });
        let asked: Vec<_> = asked.collect();
        for (handle, result) in handles.iter().zip(join_all(asked).await) {
            // A container that removed itself answers nobody.
            if let Err(error) = result
                && self.containers().get(&handle.id).is_some()
            {
                tracing::error!(container = handle.id, %error, "the container could not be reconciled");
            }
        }
        for id in listed.into_keys() {
            self.discard(&id);
        }
        let engine = self.clone();
        tokio::task::spawn_blocking(move || engine.sweep());
        Ok(())
    }

    /// A new keeper took over: gives it what is held here.
    pub(crate) async fn adopt(&self) -> Result<(), Error> {
        let mut execs = Vec::new();
        let mut listed = HashMap::new();
        for process in self.processes().list().await? {
            match &process.state.process.exec {
                None => drop(listed.insert(process.state.process.container.clone(), process)),
                Some(_) => execs.push(process),
            }
        }
        let handles: Vec<_> = self.containers().all();
        let asked = handles.iter().map(|handle| {
            let listed = listed.remove(&handle.id);
            handle.ask(|reply| Command::Reconcile { listed, reply })
        });
        for result in join_all(asked.collect::<Vec<_>>()).await {
            if let Err(error) = result {
                tracing::error!(%error, "a container could not be given to the new keeper");
            }
        }
        self.adopt_execs(execs).await;
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
        if let Err(error) = self.containers().reserve(&name, &id) {
            tracing::error!(%error, "a stored container's name is taken");
            return None;
        }
        let (handle, inbox) = Handle::new(view);
        Actor::spawn(self.clone(), Arc::clone(&handle), inbox);
        self.containers().add(Arc::clone(&handle));
        Some(handle)
    }

    /// Containers that the keeper knows. Execs of an earlier engine belong to nobody: their exits are acknowledged as
    /// they come.
    async fn listed(&self) -> Result<HashMap<String, Listed>, Error> {
        let all = self.processes().list().await?;
        let containers = all.into_iter().filter(|listed| listed.state.process.exec.is_none());
        Ok(containers.map(|listed| (listed.state.process.container.clone(), listed)).collect())
    }

    /// Tells the network layer which containers live.
    async fn adopt_networks(&self, handles: &[Arc<Handle>], listed: &HashMap<String, Listed>) {
        let Ok(networks) = self.networks() else { return };
        let live: Vec<LiveContainer> = handles
            .iter()
            .filter(|handle| listed.contains_key(&handle.id))
            .map(|handle| handle.view())
            .filter_map(|view| {
                let endpoint = view.endpoint.as_deref()?.clone();
                let definition = &view.definition;
                Some(LiveContainer {
                    id: definition.id.clone(),
                    name: definition.name.clone(),
                    endpoints: vec![endpoint],
                })
            })
            .collect();
        match tokio::task::spawn_blocking(move || networks.adopt(&live).map_err(Error::from)).await {
            Ok(Ok(adoption)) => tracing::debug!(?adoption, "networks reconciled"),
            Ok(Err(error)) => tracing::error!(%error, "networks could not be reconciled"),
            Err(error) => tracing::error!(%error, "networks could not be reconciled"),
        }
    }

    /// Ends a container that the keeper knows and the database does not: its creation was never answered, or its
    /// removal was.
    fn discard(&self, id: &str) {
        let process = ProcessRef::container(id);
        tracing::warn!(container = id, "a container that is not in the database is killed");
        let kill =
            self.processes().call(Request::Signal { process: process.clone(), signal: 9, all: true }, Vec::new());
        let engine = self.clone();
        tokio::spawn(async move {
            // One that has ended cannot be killed; either way its record may go.
            drop(kill.await);
            engine.acknowledge_exit(process);
        });
    }

    /// Tells the keeper that nobody needs an exit record.
    pub(crate) fn acknowledge_exit(&self, process: ProcessRef) {
        let call = self.processes().call(Request::AckExit { process }, Vec::new());
        tokio::spawn(async move {
            if let Err(error) = call.await {
                tracing::debug!(%error, "the keeper still keeps an exit record");
            }
        });
    }

    /// Deletes root file systems and folders that belong to no container.
    fn sweep(&self) {
        let known: HashSet<String> = self.containers().all().iter().map(|h| h.id.clone()).collect();
        let stale =
            |id: &String| teu_oci::id::is_full(id) && !known.contains(id) && self.containers().get(id).is_none();
        match self.images().keys() {
            Ok(keys) => {
                for key in keys.iter().filter(|key| stale(key)) {
                    tracing::info!(key, "a root file system without a container is removed");
                    if let Err(error) = self.images().remove(key) {
                        tracing::error!(key, %error, "it could not be removed");
                    }
                }
            }
            Err(error) => tracing::error!(%error, "root file systems could not be listed"),
        }
        let folders = std::fs::read_dir(self.containers_folder()).into_iter().flatten().flatten();
        for folder in folders {
            if folder.file_name().into_string().is_ok_and(|name| stale(&name))
                && let Err(error) = std::fs::remove_dir_all(folder.path())
            {
                tracing::error!(folder = %folder.path().display(), %error, "a folder without a container could not be removed");
            }
        }
    }
}
