//! The entry point: all networks of one engine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::driver::{self, Attached, Bridge, Driver, Host, Null, Settings, Wish};
use crate::error::system;
use crate::firewall::{Firewall, NetworkRules};
use crate::pool::{Filler, Replenish, lock};
use crate::publish::{Owner, Publisher};
use crate::reaper::Reaper;
use crate::{
    AttachRequest, Config, DriverKind, Endpoint, EndpointInfo, Error, FirewallMode, LiveContainer, NetworkInfo,
    NetworkRecord, PortBinding, Sandbox, Target, host, identity, predefined,
};

/// All networks of one engine. Cheap to clone; all methods block for a short time at most (see each).
#[derive(Clone, Debug)]
pub struct Networks {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    networks: RwLock<Vec<Arc<Network>>>,
    /// By container.
    places: Mutex<HashMap<String, Place>>,
    firewall: Arc<Firewall>,
    publisher: Publisher,
    filler: Arc<Filler>,
    reaper: Arc<Reaper>,
    warnings: Mutex<Vec<String>>,
}

/// A network with its driver.
#[derive(Debug)]
struct Network {
    record: NetworkRecord,
    driver: Arc<dyn Driver>,
}

/// Where a container is. An endpoint that is just being made has no id yet.
#[derive(Debug)]
struct Place {
    name: String,
    network: Arc<Network>,
    endpoint: Endpoint,
    /// Index of the host's end of the link.
    link: Option<u32>,
}

/// What [`Networks::adopt`] found.
#[derive(Debug, Default)]
pub struct Adoption {
    /// Links of the bridge that belonged to no live container and are gone now.
    pub removed_links: Vec<String>,
    /// Containers whose link is gone (somebody deleted it): they run without a network.
    pub lost: Vec<String>,
    /// Published ports that a process of the host took meanwhile; translation works, reservation does not.
    pub conflicts: Vec<PortConflict>,
}

/// A published port that could not be reserved again.
#[derive(Debug)]
pub struct PortConflict {
    /// Id of the container.
    pub container: String,
    /// The port.
    pub binding: PortBinding,
}

impl Networks {
    /// Makes or verifies the bridge, its addresses and sysctls. `records` are what [`records`](Networks::records)
    /// returned before; predefined networks that are missing are added.
    /// Call [`adopt`](Networks::adopt) next: only then namespaces are made ahead of time and ports can be published.
    pub fn open(config: Config, mut records: Vec<NetworkRecord>) -> Result<Networks, Error> {
        predefined::complete(&config, &mut records)?;
        let firewall = Arc::new(Firewall::new(&config.bridge)?);
        let filler = Filler::start().map_err(system("start thread"))?;
        let reaper = Reaper::start().map_err(system("start thread"))?;
        let inner = Inner {
            publisher: Publisher::new(&config, Arc::clone(&firewall)),
            networks: RwLock::default(),
            places: Mutex::default(),
            warnings: Mutex::new(forwarding(&config)),
            firewall,
            filler,
            reaper,
            config,
        };
        let mtu = host::uplink_mtu()?;
        for record in records {
            let network = inner.start(record, mtu)?;
            inner.networks.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(network));
        }
        Ok(Networks { inner: Arc::new(inner) })
    }

    /// Reconciles kernel and records by full diff: links, neighbours, elements and allocations of containers that are
    /// not in `live` are removed, those of `live` are verified or made again. To be called once, after
    /// [`open`](Networks::open).
    pub fn adopt(&self, live: &[LiveContainer]) -> Result<Adoption, Error> {
        let mut adoption = Adoption::default();
        for network in self.inner.networks() {
            self.inner.adopt_network(&network, live, &mut adoption)?;
        }
        self.inner.program()?;
        self.inner.networks().iter().for_each(|n| n.driver.open());
        Ok(adoption)
    }

    /// What the caller persists; the same as given to [`open`](Networks::open) plus what was added since.
    pub fn records(&self) -> Vec<NetworkRecord> {
        self.inner.networks().iter().map(|n| n.record.clone()).collect()
    }

    /// All networks with their containers, by creation.
    pub fn list(&self) -> Vec<NetworkInfo> {
        self.inner.networks().iter().map(|n| self.inner.describe(n)).collect()
    }

    /// One network by name, id or unambiguous prefix of an id.
    pub fn inspect(&self, name: &str) -> Result<NetworkInfo, Error> {
        self.inner.find(name).map(|n| self.inner.describe(&n))
    }

    /// Gives a container its namespace, address and published ports: well under a millisecond when a
    /// namespace is ready, 1–2 ms otherwise. On an error nothing remains.
    pub fn attach(&self, request: AttachRequest) -> Result<Sandbox, Error> {
        let network = match request.target {
            Target::Namespace(netns) => return Ok(driver::share(netns)),
            Target::Network(ref name) => self.inner.find(name)?,
        };
        self.inner.occupy(&request, &network)?;
        let result = self.inner.attach(&request, &network);
        let mut places = lock(&self.inner.places);
        match result {
            Ok((attached, endpoint)) => {
                if let Some(place) = places.get_mut(&request.container) {
                    place.endpoint = endpoint.clone();
                    place.link = attached.link;
                }
                Ok(Sandbox { netns: attached.netns, endpoint })
            }
            Err(error) => {
                places.remove(&request.container);
                Err(error)
            }
        }
    }

    /// Takes everything back that [`attach`](Networks::attach) gave the container. Ports are free when this returns,
    /// links go in the background. Does nothing for an unknown container.
    pub fn release(&self, container: &str) -> Result<(), Error> {
        let Some(place) = lock(&self.inner.places).remove(container) else { return Ok(()) };
        let result = self.inner.publisher.withdraw(&place.endpoint.id);
        place.network.driver.detach(&place.endpoint, place.link);
        result
    }

    /// Renames a container in what `inspect` shows.
    pub fn rename(&self, container: &str, name: &str) {
        if let Some(place) = lock(&self.inner.places).get_mut(container) {
            name.clone_into(&mut place.name);
        }
    }

    /// What an administrator should know, for `info`: one sentence each. Reads the packet filter of others.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = lock(&self.inner.warnings).clone();
        let bridge = &self.inner.config.bridge;
        warnings.extend(host::dropping_chains().into_iter().map(|chain| {
            format!(
                "WARNING: {chain} drops forwarded packets that it does not know, and no other table can overrule it: \
                 containers on {bridge} cannot reach the outside until it accepts packets from and to {bridge}"
            )
        }));
        warnings
    }

    /// Waits until links of released containers are gone. For tests and for a tidy end of the engine.
    pub fn settle(&self) {
        self.inner.reaper.flush();
    }
}

impl Inner {
    /// A network with its driver, ready to be adopted.
    fn start(&self, record: NetworkRecord, mtu: u32) -> Result<Network, Error> {
        let limits = self.config.ready;
        let driver: Arc<dyn Driver> = match record.driver {
            DriverKind::Bridge => {
                let common = driver::Common {
                    limits,
                    mac_policy: self.config.mac,
                    signal: Arc::clone(&self.filler.signal),
                    reaper: Arc::clone(&self.reaper),
                };
                let bridge = Arc::new(Bridge::new(&record, Settings::of(&record, mtu)?, common)?);
                self.filler.add(Arc::clone(&bridge) as Arc<dyn Replenish>);
                bridge
            }
            DriverKind::Null => {
                let null = Arc::new(Null::new(&record, limits, Arc::clone(&self.filler.signal))?);
                self.filler.add(Arc::clone(&null) as Arc<dyn Replenish>);
                null
            }
            DriverKind::Host => Arc::new(Host::new(&record)),
            DriverKind::Container => {
                return Err(Error::InvalidConfig(format!("network {} has no driver", record.name)));
            }
        };
        Ok(Network { record, driver })
    }

    fn networks(&self) -> Vec<Arc<Network>> {
        self.networks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Name first, then id, then prefix of an id, as Docker.
    fn find(&self, name: &str) -> Result<Arc<Network>, Error> {
        let networks = self.networks();
        let exact = |n: &&Arc<Network>| n.record.name == name || n.record.id == name;
        if let Some(network) = networks.iter().find(exact) {
            return Ok(Arc::clone(network));
        }
        let matches: Vec<_> = networks.iter().filter(|n| !name.is_empty() && n.record.id.starts_with(name)).collect();
        match matches[..] {
            [network] => Ok(Arc::clone(network)),
            [] => Err(Error::NotFound(name.to_owned())),
            _ => Err(Error::Ambiguous { name: name.to_owned(), matches: matches.len() }),
        }
    }

    fn describe(&self, network: &Network) -> NetworkInfo {
        let places = lock(&self.places);
        let mut containers: Vec<_> = places
            .iter()
            .filter(|(_, p)| p.network.record.id == network.record.id && !p.endpoint.id.is_empty())
            .map(|(container, place)| EndpointInfo {
                container: container.clone(),
                name: place.name.clone(),
                endpoint: place.endpoint.id.clone(),
                mac: place.endpoint.mac,
                ipv4: place.endpoint.ipv4,
                ipv6: place.endpoint.ipv6,
            })
            .collect();
        containers.sort_by(|a, b| a.container.cmp(&b.container));
        NetworkInfo { record: network.record.clone(), containers }
    }

    /// Marks the container as attached, so that nobody else attaches it at the same time.
    fn occupy(&self, request: &AttachRequest, network: &Arc<Network>) -> Result<(), Error> {
        let mut places = lock(&self.places);
        if places.contains_key(&request.container) {
            return Err(Error::AlreadyAttached {
                container: request.name.clone(),
                network: network.record.name.clone(),
            });
        }
        let endpoint = Endpoint::blank(network.record.driver, &network.record);
        let place = Place { name: request.name.clone(), network: Arc::clone(network), endpoint, link: None };
        places.insert(request.container.clone(), place);
        Ok(())
    }

    fn attach(&self, request: &AttachRequest, network: &Network) -> Result<(Attached, Endpoint), Error> {
        let wish = Wish { ipv4: request.ipv4, ipv6: request.ipv6, mac: request.mac };
        let attached = network.driver.attach(identity::hex::<32>()?, wish)?;
        let mut endpoint = attached.endpoint.clone();
        if request.ports.is_empty() || !network.driver.publishes() {
            return Ok((attached, endpoint));
        }
        match self.publish(request, &endpoint) {
            Ok(ports) => {
                endpoint.ports = ports;
                Ok((attached, endpoint))
            }
            Err(error) => {
                network.driver.detach(&endpoint, attached.link);
                Err(error)
            }
        }
    }

    /// Publishes; a table that somebody flushed is made again.
    fn publish(&self, request: &AttachRequest, endpoint: &Endpoint) -> Result<Vec<PortBinding>, Error> {
        let owner = Owner { name: &request.name };
        let result = self.publisher.publish(owner, endpoint, &request.ports);
        match result {
            Err(error) if error.is_errno(rustix::io::Errno::NOENT) && !self.firewall.exists() => {
                tracing::warn!("the packet filter's table was removed by somebody else and is made again");
                self.program()?;
                self.publisher.publish(owner, endpoint, &request.ports)
            }
            other => other,
        }
    }

    fn adopt_network(
        &self,
        network: &Arc<Network>,
        live: &[LiveContainer],
        adoption: &mut Adoption,
    ) -> Result<(), Error> {
        let ours: Vec<_> = live
            .iter()
            .flat_map(|c| c.endpoints.iter().map(move |e| (c, e)))
            .filter(|(_, e)| e.network_id == network.record.id)
            .collect();
        let endpoints: Vec<&Endpoint> = ours.iter().map(|(_, e)| *e).collect();
        let found = network.driver.adopt(&endpoints)?;
        adoption.removed_links.extend(found.removed);
        adoption.lost.extend(found.lost.iter().filter_map(|place| ours.get(*place)).map(|(c, _)| c.id.clone()));
        for ((container, endpoint), link) in ours.into_iter().zip(found.links) {
            let conflicts = self.publisher.adopt(endpoint).into_iter();
            let conflict = |binding| PortConflict { container: container.id.clone(), binding };
            adoption.conflicts.extend(conflicts.map(conflict));
            let place =
                Place { name: container.name.clone(), network: Arc::clone(network), endpoint: endpoint.clone(), link };
            lock(&self.places).insert(container.id.clone(), place);
        }
        Ok(())
    }

    /// Makes the packet filter's table from what is known.
    fn program(&self) -> Result<(), Error> {
        if self.config.firewall == FirewallMode::Off {
            return self.firewall.remove();
        }
        let rules: Vec<NetworkRules> = self.networks().iter().filter_map(|n| n.driver.rules()).collect();
        self.firewall.replace(&rules, &self.publisher.translations())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.filler.signal.close();
        self.reaper.close();
    }
}

/// Switches forwarding on if allowed, and says what became of it.
fn forwarding(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.ip_forward {
        match host::enable_forwarding(config.ipv6) {
            Ok(true) => {}
            Ok(false) => tracing::info!("IP forwarding was off and is on now"),
            Err(error) => tracing::warn!(%error, "cannot switch IP forwarding on"),
        }
    }
    if !host::forwards(false) {
        warnings.push("WARNING: IPv4 forwarding is disabled".to_owned());
    }
    if config.ipv6 && !host::forwards(true) {
        warnings.push("WARNING: IPv6 forwarding is disabled".to_owned());
    }
    warnings
}
