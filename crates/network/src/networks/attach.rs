//! A container's network from its start to its end.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::{Inner, Network, Networks, Place, Tenant, link_local};
use crate::dns::{Client, Sockets};
use crate::driver::{self, Attached, Wish};
use crate::error::system;
use crate::pool::lock;
use crate::{AttachRequest, Endpoint, Error, Membership, ResolverConfig, Sandbox, Target, identity};

impl Networks {
    /// Gives a container its namespace, addresses and published ports: well under a millisecond when a
    /// namespace is ready, 1–2 ms otherwise, and as much for each further network. On an error nothing remains.
    pub fn attach(&self, mut request: AttachRequest) -> Result<Sandbox, Error> {
        let network = match request.target {
            Target::Namespace(netns) => return Ok(driver::share(netns)),
            Target::Network(ref name) => self.inner.find(name)?,
        };
        let membership = std::mem::take(&mut request.membership);
        self.inner.enter(&request, &network, membership)?;
        let result = self.inner.attach(&request, &network);
        if result.is_err()
            && let Err(error) = self.release(&request.container)
        {
            tracing::warn!(container = request.container, %error, "a network that could not be attached is left half attached");
        }
        result
    }

    /// Takes everything back that [`attach`](Networks::attach) gave the container. Ports are free when this returns,
    /// links go in the background. Does nothing for an unknown container.
    pub fn release(&self, container: &str) -> Result<(), Error> {
        let Some(tenant) = lock(&self.inner.tenants).remove(container) else { return Ok(()) };
        let mut result = Ok(());
        for place in tenant.places.iter().filter(|place| place.is_taken()) {
            place.forget(container);
            let withdrawn = self.inner.publisher.withdraw(&place.endpoint.id);
            place.network.driver.detach(&place.endpoint, place.link);
            result = result.and(withdrawn);
        }
        result
    }

    /// Takes a container out of what networks show and out of the names, ahead of [`release`](Networks::release): it has just
    /// ended. Does not block.
    pub fn hide(&self, container: &str) {
        if let Some(tenant) = lock(&self.inner.tenants).get_mut(container) {
            tenant.ended = true;
            tenant.places.iter().for_each(|place| place.forget(container));
        }
    }

    /// Renames a container: in what `inspect` shows, and for those who look for it.
    pub fn rename(&self, container: &str, name: &str) {
        let mut tenants = lock(&self.inner.tenants);
        let Some(tenant) = tenants.get_mut(container) else { return };
        let old = std::mem::replace(&mut tenant.name, name.to_owned());
        for place in &mut tenant.places {
            for known in place.membership.names.iter_mut().filter(|known| **known == old) {
                name.clone_into(known);
            }
            if place.is_taken() && !tenant.ended {
                place.announce(container);
            }
        }
    }
}

impl Inner {
    /// Marks the container as attached, so that nobody else attaches it at the same time.
    fn enter(&self, request: &AttachRequest, network: &Arc<Network>, membership: Membership) -> Result<(), Error> {
        let mut tenants = lock(&self.tenants);
        if tenants.contains_key(&request.container) {
            return Err(Error::AlreadyAttached {
                container: request.name.clone(),
                network: network.record.name.clone(),
            });
        }
        let mut tenant = Tenant::new(&request.name);
        tenant.requests.clone_from(&request.ports);
        self.occupy(&mut tenant, network, membership)?;
        tenants.insert(request.container.clone(), tenant);
        Ok(())
    }

    /// Takes a place in a network, under the lock of all tenants.
    pub(super) fn occupy(
        &self,
        tenant: &mut Tenant,
        network: &Arc<Network>,
        membership: Membership,
    ) -> Result<(), Error> {
        // It may have been removed since it was found.
        if !self.networks().iter().any(|n| Arc::ptr_eq(n, network)) {
            return Err(Error::NotFound(network.record.name.clone()));
        }
        if tenant.places.iter().any(|place| Arc::ptr_eq(&place.network, network)) {
            return Err(Error::AlreadyAttached {
                container: tenant.name.clone(),
                network: network.record.name.clone(),
            });
        }
        let endpoint = Endpoint::blank(network.record.driver, &network.record);
        // Most containers are in one network.
        tenant.places.reserve_exact(1);
        tenant.places.push(Place { network: Arc::clone(network), endpoint, link: None, membership });
        Ok(())
    }

    fn attach(&self, request: &AttachRequest, network: &Arc<Network>) -> Result<Sandbox, Error> {
        let wish = Wish { ipv4: request.ipv4, ipv6: request.ipv6, mac: request.mac, ids: request.ids.clone() };
        let Attached { netns, user, sysfs, link, mut dns, endpoint } =
            network.driver.attach(identity::hex::<32>()?, wish)?;
        let interface = endpoint.interface.clone();
        self.settle(&request.container, network, endpoint, link);
        let others = request.others.iter().cloned();
        if let Some(namespace) = netns.as_ref().map(AsFd::as_fd) {
            link_local::add(namespace, interface.as_deref(), &request.link_local)?;
            for join in others {
                self.join(&request.container, join, namespace)?;
            }
            self.ensure_names(&request.container, dns.take(), namespace, &request.resolver)?;
        } else if !request.others.is_empty() {
            return Err(Error::NotJoinable);
        }
        self.lead_outside(&request.container, netns.as_ref().map(AsFd::as_fd), request.others.is_empty())?;
        let mut endpoints = self.endpoints(&request.container).into_iter();
        let endpoint = endpoints.next().ok_or_else(|| Error::NotFound(network.record.name.clone()))?;
        Ok(Sandbox { netns, user, sysfs, endpoint, others: endpoints.collect() })
    }

    /// Writes down what a container was given on a network, and tells the others of it.
    pub(super) fn settle(&self, container: &str, network: &Arc<Network>, endpoint: Endpoint, link: Option<u32>) {
        let mut tenants = lock(&self.tenants);
        let places = tenants.get_mut(container).into_iter().flat_map(|tenant| &mut tenant.places);
        for place in places.filter(|place| Arc::ptr_eq(&place.network, network)) {
            place.endpoint = endpoint.clone();
            place.link = link;
            place.announce(container);
        }
    }

    /// Serves names, with `ready` sockets or new ones, if the container is on a network that has some.
    pub(super) fn ensure_names(
        &self,
        container: &str,
        ready: Option<Sockets>,
        namespace: BorrowedFd<'_>,
        config: &ResolverConfig,
    ) -> Result<(), Error> {
        let wanted = {
            let tenants = lock(&self.tenants);
            let Some(tenant) = tenants.get(container) else { return Ok(()) };
            tenant.served.is_none() && tenant.places.iter().any(|place| place.network.zone.is_some())
        };
        let served = if wanted {
            let open = || -> std::io::Result<_> {
                let sockets = ready.map_or_else(|| Sockets::open_in(namespace), Ok)?;
                self.dns.serve(sockets, Client::new(config.clone()), namespace.try_clone_to_owned()?)
            };
            Some(open().map_err(system("open name server"))?)
        } else {
            None
        };
        let mut tenants = lock(&self.tenants);
        if let Some(tenant) = tenants.get_mut(container) {
            tenant.served = served.or(tenant.served.take());
            tenant.tell_names();
        }
        Ok(())
    }

    /// All endpoints of a container.
    pub(super) fn endpoints(&self, container: &str) -> Vec<Endpoint> {
        lock(&self.tenants).get(container).map(Tenant::endpoints).unwrap_or_default()
    }
}
