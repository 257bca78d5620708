//! Containers that join further networks, and leave some.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use super::{Inner, Network, Networks, Place, Tenant, link_local};
use crate::driver::{Attached, Wish};
use crate::pool::lock;
use crate::{Endpoint, Error, Join, ResolverConfig, identity};

impl Networks {
    /// Connects a container that runs to a further network. `namespace` is its own, `name` its name, `resolver` whom its name
    /// server asks if this network is the first with names. Answers with all its endpoints: published ports may have moved.
    pub fn connect(
        &self,
        (container, name): (&str, &str),
        join: Join,
        namespace: BorrowedFd<'_>,
        resolver: &ResolverConfig,
    ) -> Result<Vec<Endpoint>, Error> {
        let inner = &self.inner;
        lock(&inner.tenants).entry(container.to_owned()).or_insert_with(|| Tenant::new(name));
        let network = inner.find(&join.network)?;
        inner.join(container, join, namespace)?;
        let done = inner
            .ensure_names(container, None, namespace, resolver)
            .and_then(|()| inner.lead_outside(container, Some(namespace), false));
        if let Err(error) = done {
            inner.leave(container, &network)?;
            return Err(error);
        }
        Ok(inner.endpoints(container))
    }

    /// Disconnects a container from a network, by the network's name or id. Answers with the endpoints that are left.
    pub fn disconnect(
        &self,
        container: &str,
        network: &str,
        namespace: Option<BorrowedFd<'_>>,
    ) -> Result<Vec<Endpoint>, Error> {
        let inner = &self.inner;
        let network = inner.find(network)?;
        inner.leave(container, &network)?;
        if let Err(error) = inner.lead_outside(container, namespace, false) {
            tracing::warn!(container, %error, "no other network leads outside");
        }
        if let Some(tenant) = lock(&inner.tenants).get(container) {
            tenant.tell_names();
        }
        // The link's name and addresses are free when this returns.
        inner.reaper.flush();
        Ok(inner.endpoints(container))
    }
}

impl Inner {
    /// Makes an endpoint in the container's namespace. On an error nothing remains.
    pub(super) fn join(&self, container: &str, join: Join, namespace: BorrowedFd<'_>) -> Result<(), Error> {
        let network = self.find(&join.network)?;
        let interface = {
            let mut tenants = lock(&self.tenants);
            let Some(tenant) = tenants.get_mut(container) else {
                return Err(Error::NotAttached { container: container.to_owned(), network: join.network });
            };
            let interface = tenant.free_interface();
            self.occupy(tenant, &network, join.membership)?;
            interface
        };
        let wish = Wish { ipv4: join.ipv4, ipv6: join.ipv6, mac: join.mac, ids: None };
        let joined = identity::hex::<32>().and_then(|id| network.driver.join(id, wish, namespace, &interface));
        match joined {
            Ok(Attached { endpoint, link, .. }) => {
                let interface = endpoint.interface.clone();
                self.settle(container, &network, endpoint, link);
                let added = link_local::add(namespace, interface.as_deref(), &join.link_local);
                if added.is_err() {
                    self.leave(container, &network)?;
                }
                added
            }
            Err(error) => {
                if let Some(tenant) = lock(&self.tenants).get_mut(container) {
                    tenant.places.retain(|place| !Arc::ptr_eq(&place.network, &network));
                }
                Err(error)
            }
        }
    }

    /// Takes an endpoint back.
    fn leave(&self, container: &str, network: &Arc<Network>) -> Result<(), Error> {
        let place = {
            let mut tenants = lock(&self.tenants);
            let places = tenants.get_mut(container).map(|tenant| &mut tenant.places);
            let is_it = |place: &Place| Arc::ptr_eq(&place.network, network) && place.is_taken();
            places.and_then(|places| places.iter().position(is_it).map(|at| places.remove(at)))
        };
        let Some(place) = place else {
            let (container, network) = (container.to_owned(), network.record.name.clone());
            return Err(Error::NotAttached { container, network });
        };
        place.forget(container);
        let withdrawn = self.publisher.withdraw(&place.endpoint.id);
        network.driver.detach(&place.endpoint, place.link);
        withdrawn
    }
}
