//! The entry point: all networks of one engine.

mod attach;
mod gateway;
mod inner;
mod join;
mod link_local;
mod manage;
mod plan;
mod tenant;
mod warnings;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use teu_sys::sysctl::Sysctls;

use crate::dns;
use crate::driver::{self, Driver};
use crate::error::system;
use crate::firewall::Firewall;
use crate::pool::{Filler, Replenish, lock};
use crate::publish::Publisher;
use crate::reaper::Reaper;
use crate::{Config, DriverKind, Error, LiveContainer, NetworkInfo, NetworkRecord, PortBinding, host, predefined};

pub use plan::NetworkSpec;
use tenant::{Place, Tenant};

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
    tenants: Mutex<HashMap<String, Tenant>>,
    dns: dns::Server,
    firewall: Arc<Firewall>,
    publisher: Publisher,
    filler: Arc<Filler>,
    reaper: Arc<Reaper>,
    sysctls: Arc<Sysctls>,
    warnings: Mutex<Vec<String>>,
    /// Whether what an earlier process left has been dealt with.
    adopted: AtomicBool,
    /// Held while a network is made or removed.
    managing: Mutex<()>,
}

/// A network with its driver.
#[derive(Debug)]
struct Network {
    record: NetworkRecord,
    driver: Arc<dyn Driver>,
    /// The driver as the background thread sees it, if it makes endpoints ahead of time.
    replenish: Option<Arc<dyn Replenish>>,
    /// Names of its containers, if they find each other by name.
    zone: Option<Arc<dns::Zone>>,
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
            publisher: Publisher::new(&config, Arc::clone(&firewall), Arc::clone(&reaper)),
            networks: RwLock::default(),
            tenants: Mutex::default(),
            dns: dns::Server::new(),
            warnings: Mutex::new(warnings::forwarding(&config)),
            adopted: AtomicBool::new(false),
            managing: Mutex::default(),
            firewall,
            filler,
            reaper,
            sysctls: Arc::default(),
            config,
        };
        let bridges: Vec<String> =
            records.iter().filter(|r| r.driver == DriverKind::Bridge).map(driver::device_name).collect();
        driver::remove_strays(&inner.config.bridge, &bridges)?;
        let mtu = host::uplink_mtu()?;
        for record in records {
            let network = inner.restore(record, mtu)?;
            inner.networks.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(network));
        }
        Ok(Networks { inner: Arc::new(inner) })
    }

    /// Reconciles kernel and records by full diff: links, neighbours, elements and allocations of containers that are
    /// not in `live` are removed, those of `live` are verified or made again. To be called after
    /// [`open`](Networks::open); when called again, only what this process attached itself is compared with `live`.
    pub fn adopt(&self, live: &[LiveContainer]) -> Result<Adoption, Error> {
        let mut adoption = Adoption::default();
        if self.inner.adopted.swap(true, Ordering::AcqRel) {
            self.release_all_but(live)?;
            self.inner.program()?;
            return Ok(adoption);
        }
        for network in self.inner.networks() {
            self.inner.adopt_network(&network, live, &mut adoption)?;
        }
        live.iter().for_each(|container| self.inner.adopt_container(container));
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

    /// What a network was made of, by name, id or unambiguous prefix of an id. Takes no longer for its containers.
    pub fn record(&self, name: &str) -> Result<NetworkRecord, Error> {
        self.inner.find(name).map(|n| n.record.clone())
    }

    /// One network with its containers, by name, id or unambiguous prefix of an id.
    pub fn inspect(&self, name: &str) -> Result<NetworkInfo, Error> {
        self.inner.find(name).map(|n| self.inner.describe(&n))
    }

    /// Releases every container that is not in `live`.
    fn release_all_but(&self, live: &[LiveContainer]) -> Result<(), Error> {
        let live: HashSet<&str> = live.iter().map(|container| container.id.as_str()).collect();
        let gone: Vec<String> = {
            let tenants = lock(&self.inner.tenants);
            tenants.keys().filter(|id| !live.contains(id.as_str())).cloned().collect()
        };
        gone.iter().try_for_each(|id| self.release(id))
    }

    /// Waits until links of released containers are gone. For tests and for a tidy end of the engine.
    pub fn settle(&self) {
        self.inner.reaper.flush();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.filler.close();
        self.reaper.close();
    }
}
