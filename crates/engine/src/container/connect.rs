//! `network connect` and `network disconnect`, as the container sees them.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use teu_api::network::EndpointSettings;
use teu_network::{DriverKind, Endpoint};
use teu_sys::netns;

use super::actor::Actor;
use super::definition::Definition;
use super::files::resolver;
use super::{endpoint, membership, sandbox, stored};
use crate::store::Write;
use crate::{Engine, Error};

/// What Docker says of networks that are nobody's but one container's.
pub(super) const NONE_OR_HOST: &str =
    "container cannot be connected to multiple networks with one of the networks in private (none) mode";
const HOST: &str = "container cannot be disconnected from host network or connected to host network";
const SHARED: &str =
    "container sharing network namespace with another container or host cannot be connected to any other network";

impl Actor {
    /// Connects the container to a network, now if it runs, else from its next start on.
    pub(super) async fn connect(&mut self, network: String, settings: EndpointSettings) -> Result<(), Error> {
        let view = self.view();
        let mut definition = (*view.definition).clone();
        check(&self.engine, &definition, &network, &settings)?;
        let join = membership::join(&definition, &network, &settings)?;
        let had_names = definition.has_names();
        if view.state.is_up() && definition.endpoints.contains_key(&network) {
            let name = &definition.name;
            return Err(Error::Forbidden(format!("endpoint with name {name} already exists in network {network}")));
        }
        definition.endpoints.insert(network.clone(), Box::new(settings));
        let Some(run) = view.state.run() else { return self.define(definition).await };
        let (engine, pid) = (self.engine.clone(), run.pid);
        let definition = Arc::new(definition);
        let defined = Arc::clone(&definition);
        let endpoints = blocking(move || {
            let namespace = namespace(pid)?;
            let resolver = resolver(&defined.host, engine.config());
            let container = (defined.id.as_str(), defined.name.as_str());
            let endpoints = engine.sandboxes().connect(container, join, namespace.as_fd(), &resolver)?;
            if !had_names && defined.has_names() {
                engine.container_files(&defined.id).write_resolv_conf(&defined, engine.config())?;
            }
            sandbox::write_hosts(&engine, &defined, &endpoints)?;
            Ok(endpoints)
        })
        .await?;
        let endpoint = endpoints.iter().find(|endpoint| endpoint.network == network).cloned();
        self.moved(endpoints);
        self.define((*definition).clone()).await?;
        if let Some(endpoint) = endpoint {
            sandbox::network_event(&self.engine, "connect", &self.handle.id, &endpoint);
        }
        Ok(())
    }

    /// Disconnects the container from a network.
    pub(super) async fn disconnect(&mut self, network: String) -> Result<(), Error> {
        let view = self.view();
        let mut definition = (*view.definition).clone();
        let is_up = view.state.is_up();
        if is_up && network == "host" && definition.endpoints.contains_key(&network) {
            return Err(Error::Invalid(HOST.to_owned()));
        }
        if definition.endpoints.remove(&network).is_none() {
            let the = if is_up { "" } else { "the " };
            let id = &definition.id;
            return Err(Error::Failed(format!("container {id} is not connected to {the}network {network}")));
        }
        let Some(run) = view.state.run() else { return self.define(definition).await };
        let left = view.endpoints.iter().find(|endpoint| endpoint.network == network).cloned();
        let (engine, pid) = (self.engine.clone(), run.pid);
        let definition = Arc::new(definition);
        let defined = Arc::clone(&definition);
        let endpoints = blocking(move || {
            // One that has just ended has none any more, and its links have gone with it.
            let namespace = namespace(pid).ok();
            let namespace = namespace.as_ref().map(AsFd::as_fd);
            let endpoints = engine.sandboxes().disconnect(&defined.id, &network, namespace)?;
            sandbox::write_hosts(&engine, &defined, &endpoints)?;
            Ok(endpoints)
        })
        .await?;
        self.moved(endpoints);
        self.define((*definition).clone()).await?;
        if let Some(endpoint) = left {
            sandbox::network_event(&self.engine, "disconnect", &self.handle.id, &endpoint);
        }
        Ok(())
    }

    /// The container has other places now.
    fn moved(&self, endpoints: Vec<Endpoint>) {
        self.change(|next| next.endpoints = endpoints.into());
    }

    /// Stores and publishes another definition.
    async fn define(&self, definition: Definition) -> Result<(), Error> {
        let (id, name) = (definition.id.clone(), definition.name.clone());
        let write = Write::Define { id, name, definition: stored::definition(&definition)? };
        self.engine.store().commit(write).done().await?;
        self.handle.publish(|next| next.definition = Arc::new(definition));
        Ok(())
    }
}

/// Refuses what Docker refuses.
fn check(engine: &Engine, definition: &Definition, network: &str, settings: &EndpointSettings) -> Result<(), Error> {
    let mode = &definition.host.network_mode;
    let refuse = |text: &str| Err(Error::Invalid(text.to_owned()));
    if sandbox::shared_with(mode).is_some() || (mode == "host" && network != "host") {
        return refuse(SHARED);
    }
    match engine.networks()?.record(network)?.driver {
        DriverKind::Host => return refuse(HOST),
        DriverKind::Null => return refuse(NONE_OR_HOST),
        DriverKind::Bridge | DriverKind::Container => {}
    }
    if definition.endpoints.contains_key("none") {
        return refuse(NONE_OR_HOST);
    }
    endpoint::check(network, settings, engine.wishable(network).as_deref(), "")
}

fn namespace(pid: i32) -> Result<OwnedFd, Error> {
    netns::of_process(pid).map_err(|source| Error::File { path: format!("/proc/{pid}/ns/net").into(), source })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Part { part: "network", message: e.to_string() })?
}
