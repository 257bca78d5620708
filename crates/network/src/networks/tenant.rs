//! Containers on networks.

use std::net::IpAddr;
use std::sync::Arc;

use super::Network;
use crate::dns::{Member, Served};
use crate::{Endpoint, Membership, PortRequest};

/// A container that is attached.
#[derive(Debug)]
pub(super) struct Tenant {
    /// Name of the container.
    pub(super) name: String,
    /// Ports that it wants published, on whichever network leads outside.
    pub(super) requests: Vec<PortRequest>,
    /// Its networks, in the order in which it joined them.
    pub(super) places: Vec<Place>,
    /// It has ended, and what it has is about to be taken back.
    pub(super) ended: bool,
    /// Its name server, once it was on a network with names.
    pub(super) served: Option<Served>,
}

/// A container's place in one network. An endpoint that is just being made has no id yet.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) network: Arc<Network>,
    pub(super) endpoint: Endpoint,
    /// Index of the host's end of the link.
    pub(super) link: Option<u32>,
    pub(super) membership: Membership,
}

impl Tenant {
    pub(super) fn new(name: &str) -> Tenant {
        Tenant { name: name.to_owned(), requests: Vec::new(), places: Vec::new(), ended: false, served: None }
    }

    /// Its endpoints.
    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        self.places.iter().filter(|place| place.is_taken()).map(|place| place.endpoint.clone()).collect()
    }

    /// The place that has the default route and the published ports.
    pub(super) fn gateway(&self) -> Option<&Place> {
        let leads_outside = |place: &&Place| place.endpoint.gateway.is_some() || place.endpoint.gateway6.is_some();
        let rank = |place: &&Place| {
            let families = [place.endpoint.gateway, place.endpoint.gateway6].into_iter().flatten().count();
            (place.membership.priority, families, std::cmp::Reverse(place.network.record.name.clone()))
        };
        self.places.iter().filter(|place| place.is_taken()).filter(leads_outside).max_by_key(rank)
    }

    /// Tells its name server which networks it is on.
    pub(super) fn tell_names(&self) {
        let Some(served) = &self.served else { return };
        let members = self.places.iter().filter(|place| place.is_taken()).filter_map(|place| {
            let zone = Arc::clone(place.network.zone.as_ref()?);
            Some(Member { zone, links: place.membership.links.clone() })
        });
        served.client.set(members.collect(), self.gateway().is_some());
    }

    /// The first name for an interface that no endpoint has.
    pub(super) fn free_interface(&self) -> String {
        let is_free = |name: &String| !self.places.iter().any(|p| p.endpoint.interface.as_ref() == Some(name));
        (0..).map(|number| format!("eth{number}")).find(is_free).unwrap_or_default()
    }
}

impl Place {
    /// Whether the endpoint has been made.
    pub(super) fn is_taken(&self) -> bool {
        !self.endpoint.id.is_empty()
    }

    fn addresses(&self) -> Vec<IpAddr> {
        [self.endpoint.ipv4, self.endpoint.ipv6].into_iter().flatten().map(|subnet| subnet.address()).collect()
    }

    /// Enters the container's names in the network.
    pub(super) fn announce(&self, container: &str) {
        if let Some(zone) = &self.network.zone {
            zone.enter(container, &self.membership.names, &self.addresses());
        }
    }

    /// Takes them back.
    pub(super) fn forget(&self, container: &str) {
        if let Some(zone) = &self.network.zone {
            zone.leave(container);
        }
    }
}
