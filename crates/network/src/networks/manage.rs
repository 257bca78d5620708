//! Networks that users define.

use std::sync::{Arc, PoisonError};

use super::{Inner, Network, NetworkSpec, Networks, Tenant};
use crate::pool::lock;
use crate::{Error, FirewallMode, NetworkRecord, host, predefined};

impl Networks {
    /// Makes a bridge network. The caller persists the record; a device without a record is removed at the next
    /// [`open`](Networks::open).
    pub fn create(&self, spec: NetworkSpec) -> Result<NetworkRecord, Error> {
        let inner = &self.inner;
        let _one_at_a_time = lock(&inner.managing);
        if inner.networks().iter().any(|n| n.record.name == spec.name) {
            return Err(Error::NameTaken(spec.name));
        }
        let record = inner.plan(spec)?;
        let network = Arc::new(inner.start(record.clone(), host::uplink_mtu()?)?);
        if let Err(error) = inner.allow(&network) {
            inner.discard(&network);
            return Err(error);
        }
        inner.networks.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&network));
        network.driver.open();
        Ok(record)
    }

    /// Removes a network that no container is attached to.
    pub fn remove(&self, name: &str) -> Result<NetworkRecord, Error> {
        let inner = &self.inner;
        let _one_at_a_time = lock(&inner.managing);
        let network = inner.find(name)?;
        if predefined::is_predefined(&network.record.name) {
            return Err(Error::Predefined(network.record.name.clone()));
        }
        {
            // Under both locks: nobody can attach in between.
            let tenants = lock(&inner.tenants);
            let on_it = |tenant: &Tenant| tenant.places.iter().position(|p| Arc::ptr_eq(&p.network, &network));
            if let Some((tenant, at)) = tenants.values().find_map(|tenant| Some((tenant, on_it(tenant)?))) {
                return Err(Error::ActiveEndpoints {
                    network: network.record.name.clone(),
                    container: tenant.name.clone(),
                    endpoint: tenant.places[at].endpoint.id.clone(),
                });
            }
            inner.networks.write().unwrap_or_else(PoisonError::into_inner).retain(|n| !Arc::ptr_eq(n, &network));
        }
        if let Some(rules) = network.driver.rules().filter(|_| inner.config.firewall == FirewallMode::Managed) {
            inner.firewall.remove_network(&rules)?;
        }
        inner.stop(&network);
        network.driver.remove()?;
        Ok(network.record.clone())
    }
}

impl Inner {
    /// Tells the packet filter; if somebody flushed its table, that is made again.
    fn allow(&self, network: &Network) -> Result<(), Error> {
        let Some(rules) = network.driver.rules().filter(|_| self.config.firewall == FirewallMode::Managed) else {
            return Ok(());
        };
        match self.firewall.add_network(&rules) {
            Err(error) if error.is_errno(rustix::io::Errno::NOENT) && !self.firewall.exists() => {
                tracing::warn!("the packet filter's table was removed by somebody else and is made again");
                self.program()?;
                self.firewall.add_network(&rules)
            }
            other => other,
        }
    }

    /// Nothing is made ahead of time any more.
    fn stop(&self, network: &Network) {
        if let Some(member) = &network.replenish {
            self.filler.remove(member);
        }
    }

    /// Takes back a network that was just made.
    fn discard(&self, network: &Network) {
        self.stop(network);
        if let Err(error) = network.driver.remove() {
            tracing::warn!(network = network.record.name, %error, "a network that could not be made is left half made");
        }
    }
}
