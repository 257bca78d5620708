//! What a container shares with others or has for itself: network, process ids, host names.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, openat};
use teu_network::{AttachRequest, Endpoint, Join, LiveContainer, Sandbox, Target};
use teu_oci::runtime::NamespaceKind;
use teu_sys::netns;

use super::definition::Definition;
use super::files::{Files, resolver};
use super::handle::{Handle, View};
use super::{link, membership, ports};
use crate::events::Subject;
use crate::{Engine, Error};

/// The network without a network.
const NONE: &str = "none";

/// Attaches a container to its networks and writes the hosts file that follows from it. What it needs may be held by a
/// container that has ended just now: that is waited for.
pub(super) async fn attach(engine: &Engine, definition: &Arc<Definition>) -> Result<Sandbox, Error> {
    let before = engine.teardowns().now();
    match attach_once(engine, definition).await {
        Err(Error::Network(_)) if before.settled().await => attach_once(engine, definition).await,
        attached => attached,
    }
}

async fn attach_once(engine: &Engine, definition: &Arc<Definition>) -> Result<Sandbox, Error> {
    let engine = engine.clone();
    let definition = Arc::clone(definition);
    let work = move || {
        let mut sandbox = engine.sandboxes().attach(request(&engine, &definition)?)?;
        if let Some(other) = shared_with(&definition.host.network_mode)
            && definition.ids.is_some()
        {
            // A network is worth something only to those in the user namespace that it belongs to.
            sandbox.user = Some(namespace(&engine, other, "user")?);
        }
        for endpoint in std::iter::once(&sandbox.endpoint).chain(&sandbox.others) {
            network_event(&engine, "connect", &definition.id, endpoint);
        }
        if shared_with(&definition.host.network_mode).is_none() {
            let endpoints: Vec<_> = std::iter::once(&sandbox.endpoint).chain(&sandbox.others).cloned().collect();
            write_hosts(&engine, &definition, &endpoints)?;
        }
        Ok(sandbox)
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Part { part: "network", message: e.to_string() })?
}

/// Writes the hosts file that follows from a container's addresses.
pub(super) fn write_hosts(engine: &Engine, definition: &Definition, endpoints: &[Endpoint]) -> Result<(), Error> {
    let gateway = match engine.config().host_gateway_ips.first() {
        Some(ip) => Some(*ip),
        None if needs_gateway(definition) => engine.sandboxes().host_gateway(),
        None => None,
    };
    let links: Vec<String> = link::of(engine, definition)?.iter().map(link::Link::host).collect();
    engine.container_files(&definition.id).write_hosts(definition, endpoints, gateway, &links)
}

fn needs_gateway(definition: &Definition) -> bool {
    definition.host.extra_hosts.iter().flatten().any(|entry| entry.ends_with("host-gateway"))
}

/// What is asked of the network layer. Its first network is the one that the mode names, if the container is still on it.
fn request(engine: &Engine, definition: &Definition) -> Result<AttachRequest, Error> {
    if let Some(other) = shared_with(&definition.host.network_mode) {
        let target = Target::Namespace(namespace(engine, other, "net")?);
        let mut request = AttachRequest::new(&definition.id, &definition.name, target);
        request.ids = definition.ids.clone().map(Arc::new);
        return Ok(request);
    }
    let mut joins = joins_of(engine, definition)?.into_iter();
    // One that was disconnected from all has a network of its own all the same.
    let first = joins.next().unwrap_or_else(|| Join { network: NONE.to_owned(), ..Join::default() });
    let mut request = AttachRequest::new(&definition.id, &definition.name, Target::Network(first.network));
    (request.ipv4, request.ipv6, request.mac) = (first.ipv4, first.ipv6, first.mac);
    request.link_local = first.link_local;
    request.membership = first.membership;
    request.others = joins.collect();
    request.ids = definition.ids.clone().map(Arc::new);
    request.ports = ports::requests(&definition.config, &definition.host)?;
    request.resolver = resolver(&definition.host, engine.config());
    Ok(request)
}

/// How a container joins its networks: first the one that the mode names, then the others by name.
fn joins_of(engine: &Engine, definition: &Definition) -> Result<Vec<Join>, Error> {
    let mode = network_name(&definition.host.network_mode);
    let named = |network: &str| engine.sandboxes().network_name(network).is_ok_and(|name| name == *network);
    // The mode may be an id.
    let main = match definition.endpoints.contains_key(mode) {
        true => mode.to_owned(),
        false => engine.sandboxes().network_name(mode).unwrap_or_else(|_| mode.to_owned()),
    };
    let mut joins = Vec::new();
    for (network, asked) in &definition.endpoints {
        let mut join = membership::join(definition, network, asked)?;
        let is_main = *network == main;
        if is_main && join.mac.is_none() && !definition.config.mac_address.is_empty() {
            join.mac = Some(definition.config.mac_address.parse().map_err(|e| Error::Invalid(format!("{e}")))?);
        }
        // What has become of a network is said with the name that the client gave.
        if is_main && !named(network) {
            engine.sandboxes().network_name(mode)?;
        }
        joins.insert(if is_main { 0 } else { joins.len() }, join);
    }
    Ok(joins)
}

/// A namespace of a container whose network is shared.
fn namespace(engine: &Engine, other: &str, file: &str) -> Result<OwnedFd, Error> {
    let (_, pid) = running(engine, other, "network")?;
    let path = format!("/proc/{pid}/ns/{file}");
    let fail = |errno: rustix::io::Errno| Error::File { path: PathBuf::from(&path), source: errno.into() };
    openat(CWD, &path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(fail)
}

/// The network's name behind a mode: `default` and nothing are the default bridge.
pub(super) fn network_name(mode: &str) -> &str {
    if matches!(mode, "" | "default") { "bridge" } else { mode }
}

/// The container that a mode of the form `container:<id>` names.
pub(super) fn shared_with(mode: &str) -> Option<&str> {
    mode.strip_prefix("container:")
}

/// A running container and its process id.
fn running(engine: &Engine, other: &str, what: &str) -> Result<(Arc<Handle>, i32), Error> {
    let handle = engine.containers().find(other)?;
    let pid = handle.view().state.run().map(|run| run.pid);
    match pid {
        Some(pid) => Ok((handle, pid)),
        None if what == "network" => {
            Err(Error::Conflict(format!("cannot join network of a non running container: {}", handle.id)))
        }
        None => Err(Error::Conflict(format!(
            "failed to join {} namespace: container {} is not running",
            what.to_uppercase(),
            handle.id
        ))),
    }
}

/// Namespaces of other containers that are joined by path. The network's comes as a descriptor.
pub(super) fn joins(engine: &Engine, definition: &Definition) -> Result<Vec<(NamespaceKind, PathBuf)>, Error> {
    let mut joined = Vec::new();
    let modes = [(NamespaceKind::Pid, &definition.host.pid_mode), (NamespaceKind::Ipc, &definition.host.ipc_mode)];
    for (kind, mode) in modes {
        if let Some(other) = shared_with(mode) {
            let (_, pid) = running(engine, other, kind.name())?;
            joined.push((kind, PathBuf::from(format!("/proc/{pid}/ns/{}", kind.file_name()))));
        }
    }
    Ok(joined)
}

/// `/dev/shm` of the container whose inter-process communication is shared, which must allow it.
pub(super) async fn shared_memory(engine: &Engine, definition: &Definition) -> Result<Option<OwnedFd>, Error> {
    let Some(other) = shared_with(&definition.host.ipc_mode) else { return Ok(None) };
    let handle = engine.containers().find(other)?;
    let view = handle.view();
    let refuse = |why: &str| Error::Conflict(format!("failed to join IPC namespace: container {}{why}", handle.id));
    let pid = view.state.run().map(|run| run.pid).ok_or_else(|| refuse(" is not running"))?;
    if !matches!(view.definition.host.ipc_mode.as_str(), "shareable" | "host") {
        return Err(refuse(": non-shareable IPC (hint: use IpcMode:shareable for the donor container)"));
    }
    let work = move || teu_sys::mount::clone_from_process(pid, c"dev/shm");
    let cloned =
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Part { part: "start", message: e.to_string() })?;
    cloned.map(Some).map_err(|source| Error::File { path: PathBuf::from(format!("/dev/shm of {}", handle.id)), source })
}

/// The files that are mounted: the container's own, or those of the one whose network it shares.
pub(super) fn files(engine: &Engine, definition: &Definition) -> Result<Files, Error> {
    match shared_with(&definition.host.network_mode) {
        Some(other) => Ok(engine.container_files(&engine.containers().find(other)?.id)),
        None => Ok(engine.container_files(&definition.id)),
    }
}

/// Publishes that a container was connected to a network, or is no more.
pub(super) fn network_event(engine: &Engine, action: &str, container: &str, endpoint: &Endpoint) {
    if endpoint.network.is_empty() {
        return;
    }
    let attributes = [
        ("container", container.to_owned()),
        ("name", endpoint.network.clone()),
        ("type", endpoint.driver.to_string()),
    ];
    let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    engine.events().publish(Subject::Network, action, &endpoint.network_id, attributes);
}

impl Engine {
    /// A container whose process is this, as the network layer knows it after a restart of the engine.
    pub(crate) fn living(&self, view: &View, pid: i32) -> LiveContainer {
        let definition = &view.definition;
        let known = |endpoint: &Endpoint| {
            let asked = definition.endpoints.get(&endpoint.network).cloned().unwrap_or_default();
            (endpoint.clone(), membership::of(definition, &asked))
        };
        // One that has just ended asks nobody any more.
        let namespace = netns::of_process(pid).ok();
        LiveContainer {
            endpoints: view.endpoints.iter().map(known).collect(),
            // They were good when it was created.
            ports: ports::requests(&definition.config, &definition.host).unwrap_or_default(),
            resolver: namespace.map(|fd| (Arc::new(fd), resolver(&definition.host, self.config()))),
            ..LiveContainer::new(&definition.id, &definition.name, Vec::new())
        }
    }

    /// Gives a container's places in networks back.
    pub(super) async fn release_sandbox(&self, id: &str, endpoints: Arc<[Endpoint]>) {
        endpoints.iter().for_each(|endpoint| network_event(self, "disconnect", id, endpoint));
        let (engine, id) = (self.clone(), id.to_owned());
        let work = move || {
            if let Err(error) = engine.sandboxes().release(&id) {
                tracing::error!(container = id, %error, "the network could not be released; it will be at the next start");
            }
        };
        // A panic is logged by the runtime.
        drop(tokio::task::spawn_blocking(work).await);
    }
}
