//! `--link`: what a container is told about another one on the default bridge, by its environment and hosts file.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use teu_api::container::HostConfig;

use super::definition::{Definition, Endpoints};
use super::handle::View;
use super::{membership, ports, sandbox};
use crate::{Engine, Error};

/// Replaces names by ids: the link stays when the other container is renamed.
pub(super) fn resolve(engine: &Engine, host: &mut HostConfig) -> Result<(), Error> {
    let Some(links) = host.links.as_mut().filter(|links| !links.is_empty()) else { return Ok(()) };
    if host.network_mode == "host" {
        let text = "conflicting options: host type networking can't be used with links. This would result in undefined behavior";
        return Err(Error::Invalid(text.to_owned()));
    }
    for link in links {
        let (name, alias) = link.split_once(':').unwrap_or((link, link));
        let alias = alias.trim_start_matches('/');
        if name.is_empty() || alias.is_empty() || alias.contains([':', '/', '=']) {
            return Err(Error::Invalid(format!("bad format for links: {link}")));
        }
        let other = engine
            .containers()
            .find(name.trim_start_matches('/'))
            .map_err(|error| Error::Invalid(format!("could not get container for {name}: {error}")))?;
        *link = format!("{}:{alias}", other.id);
    }
    Ok(())
}

/// Where names are found by asking, links are a matter of the network: as Docker's command line sends them.
pub(super) fn hand_over(engine: &Engine, host: &mut HostConfig, endpoints: &mut Endpoints) {
    // The mode may be an id.
    let mode = sandbox::network_name(&host.network_mode);
    let main = engine.sandboxes().network_name(mode).unwrap_or_else(|_| mode.to_owned());
    let Some(endpoint) = endpoints.get_mut(&main).filter(|_| membership::has_names(&main)) else { return };
    let links = host.links.take().filter(|links| !links.is_empty());
    endpoint.links = endpoint.links.take().or(links);
}

/// Links as inspect shows them: `/other:/own/alias`.
pub(super) fn shown(engine: &Engine, definition: &Definition) -> Option<Vec<String>> {
    let show = |link: &String| {
        let (id, alias) = link.split_once(':')?;
        let other = engine.containers().get(id)?;
        Some(format!("/{}:/{}/{alias}", other.view().definition.name, definition.name))
    };
    Some(definition.host.links.as_ref()?.iter().filter_map(show).collect())
}

/// The names that other containers have for those they are linked to, by id: `/container/alias`.
pub(super) fn aliases(engine: &Engine) -> HashMap<String, Vec<String>> {
    let mut all: HashMap<String, Vec<String>> = HashMap::new();
    for view in engine.containers().all().iter().map(|handle| handle.view()) {
        let links = view.definition.host.links.iter().flatten().filter_map(|link| link.split_once(':'));
        for (id, alias) in links {
            all.entry(id.to_owned()).or_default().push(format!("/{}/{alias}", view.definition.name));
        }
    }
    all
}

/// The two names of `container/alias`.
pub(super) fn parts(name: &str) -> Option<(&str, &str)> {
    let name = name.strip_prefix('/').unwrap_or(name);
    name.split_once('/').filter(|(parent, alias)| !parent.is_empty() && !alias.is_empty())
}

/// The container that the link `alias` leads to, by its id.
pub(super) fn target<'a>(definition: &'a Definition, alias: &str) -> Option<&'a str> {
    let mut links = definition.host.links.iter().flatten().filter_map(|link| link.split_once(':'));
    links.find(|(_, own)| *own == alias).map(|(id, _)| id)
}

/// The line that the link `alias` has in the hosts file of a container that runs.
pub(super) fn host_line(engine: &Engine, definition: &Definition, alias: &str) -> Option<String> {
    of(engine, definition).ok()?.iter().find(|link| link.alias == alias).map(Link::host)
}

/// Another container by the name that this one has for it.
#[derive(Debug)]
pub(super) struct Link {
    alias: String,
    other: Arc<View>,
    address: IpAddr,
}

/// The links of a container that is started; the others must run.
pub(super) fn of(engine: &Engine, definition: &Definition) -> Result<Vec<Link>, Error> {
    let mut links = Vec::new();
    for link in definition.host.links.iter().flatten() {
        let (id, alias) = link.split_once(':').unwrap_or((link, link));
        // A container that was removed is no longer linked to, as with Docker.
        let Some(other) = engine.containers().get(id).map(|handle| handle.view()) else { continue };
        let on_bridge = other.endpoints.iter().find(|endpoint| endpoint.network == "bridge");
        if on_bridge.is_none() && other.state.is_up() {
            let text = format!("container {id} not attached to default bridge network");
            return Err(Error::Failed(text));
        }
        let address = on_bridge.and_then(|endpoint| endpoint.ipv4.as_ref()).map(|subnet| subnet.address());
        let Some(address) = address.filter(|_| other.state.is_up()) else {
            return Err(Error::Failed(format!(
                "Cannot link to a non running container: /{} AS /{}/{alias}",
                other.definition.name, definition.name
            )));
        };
        links.push(Link { alias: alias.to_owned(), other, address });
    }
    Ok(links)
}

/// A port: by number, and among equals TCP first.
type Port = (u16, String);

impl Link {
    /// The line of the hosts file.
    pub(super) fn host(&self) -> String {
        let (name, hostname) = (&self.other.definition.name, &self.other.definition.config.hostname);
        let name = if *name == self.alias { String::new() } else { format!(" {name}") };
        format!("{}\t{} {hostname}{name}", self.address, self.alias)
    }

    /// The variables, named after the alias.
    pub(super) fn environment(&self, own_name: &str) -> Vec<String> {
        let prefix = self.alias.to_uppercase().replace('-', "_");
        let mut env = Vec::new();
        let ports = self.ports();
        if let Some((number, protocol)) = ports.first() {
            env.push(format!("{prefix}_PORT={protocol}://{}:{number}", self.address));
        }
        for group in ranges(&ports) {
            self.range(&prefix, &group, &mut env);
        }
        env.push(format!("{prefix}_NAME=/{own_name}/{}", self.alias));
        let own = self.other.definition.config.env.iter().flatten().filter_map(|variable| variable.split_once('='));
        let told = own.filter(|(name, _)| !matches!(*name, "HOME" | "PATH"));
        env.extend(told.map(|(name, value)| format!("{prefix}_ENV_{name}={value}")));
        env
    }

    /// What the other one exposes, lowest first.
    fn ports(&self) -> Vec<Port> {
        let exposed = self.other.definition.config.exposed_ports.iter().flatten().map(|(spec, _)| spec);
        let found = exposed.filter_map(|spec| ports::container_port(spec).ok());
        let all: BTreeSet<Port> = found.map(|(port, protocol)| (port, protocol.to_string())).collect();
        all.into_iter().collect()
    }

    /// Variables of ports with consecutive numbers.
    fn range(&self, prefix: &str, group: &[Port], env: &mut Vec<String>) {
        let (Some((first, protocol)), Some((last, _))) = (group.first(), group.last()) else { return };
        let upper = protocol.to_uppercase();
        let url = |port: &u16| format!("{protocol}://{}:{port}", self.address);
        if first != last {
            let name = format!("{prefix}_PORT_{first}_{upper}");
            env.push(format!("{name}_START={}", url(first)));
            env.push(format!("{name}_PORT_START={first}"));
            env.push(format!("{name}_END={}", url(last)));
            env.push(format!("{name}_PORT_END={last}"));
        }
        for (port, _) in group {
            let name = format!("{prefix}_PORT_{port}_{upper}");
            env.push(format!("{name}={}", url(port)));
            env.push(format!("{name}_ADDR={}", self.address));
            env.push(format!("{name}_PORT={port}"));
            env.push(format!("{name}_PROTO={protocol}"));
        }
    }
}

/// Ports of one protocol with consecutive numbers, TCP's first.
fn ranges(ports: &[Port]) -> Vec<Vec<Port>> {
    let mut sorted = ports.to_vec();
    sorted.sort_by(|a, b| (&a.1, a.0).cmp(&(&b.1, b.0)));
    let mut groups: Vec<Vec<Port>> = Vec::new();
    for port in sorted {
        match groups.last_mut() {
            Some(group)
                if group.last().is_some_and(|last| last.1 == port.1 && last.0.checked_add(1) == Some(port.0)) =>
            {
                group.push(port);
            }
            _ => groups.push(vec![port]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn consecutive_ports_are_a_range() {
        let port = |number: u16, protocol: &str| (number, protocol.to_owned());
        let found = ranges(&[port(53, "udp"), port(80, "tcp"), port(81, "tcp"), port(81, "udp"), port(443, "tcp")]);
        let lengths: Vec<_> = found.iter().map(|group| (group[0].0, group[0].1.as_str(), group.len())).collect();
        assert_eq!(lengths, [(80, "tcp", 2), (443, "tcp", 1), (53, "udp", 1), (81, "udp", 1)]);
    }
}
