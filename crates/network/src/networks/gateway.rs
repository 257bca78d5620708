//! Which of a container's networks leads outside: it has the default route and the published ports.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use teu_sys::netlink::{Batch, Family, Socket, link_by_name, push_default_route};
use teu_sys::netns;

use super::{Inner, Tenant};
use crate::error::{refused, system};
use crate::pool::lock;
use crate::{Endpoint, Error, HostPorts, PortBinding, PortRequest, option};

/// What has to change.
struct Move {
    name: String,
    /// The endpoint that leads outside.
    to: Endpoint,
    /// Whether ports can be published there.
    publishes: bool,
    /// Where ports are published now.
    from: Option<Endpoint>,
    requests: Vec<PortRequest>,
}

impl Inner {
    /// Sees to it that the default route and the ports of a container are where they belong. With `only` there is one network,
    /// which was made with its route.
    pub(super) fn lead_outside(
        &self,
        container: &str,
        namespace: Option<BorrowedFd<'_>>,
        only: bool,
    ) -> Result<(), Error> {
        let Some(change) = lock(&self.tenants).get(container).and_then(Tenant::next_move) else { return Ok(()) };
        if !only && let Some(namespace) = namespace {
            route(namespace, &change.to)?;
        }
        if change.requests.is_empty() || !change.publishes || change.from.as_ref().is_some_and(|f| f.id == change.to.id)
        {
            return Ok(());
        }
        let mut requests = change.requests;
        if let Some(from) = change.from {
            // The numbers stay.
            requests = from.ports.iter().map(same).collect();
            self.publisher.withdraw(&from.id)?;
            self.note_ports(container, &from.id, Vec::new());
        }
        let ports = self.publish(&change.name, &change.to, &requests)?;
        self.note_ports(container, &change.to.id, ports);
        Ok(())
    }

    fn note_ports(&self, container: &str, endpoint: &str, ports: Vec<PortBinding>) {
        let mut tenants = lock(&self.tenants);
        let places = tenants.get_mut(container).into_iter().flat_map(|tenant| &mut tenant.places);
        for place in places.filter(|place| place.endpoint.id == endpoint) {
            place.endpoint.ports.clone_from(&ports);
        }
    }
}

impl Tenant {
    fn next_move(&self) -> Option<Move> {
        let to = self.gateway()?;
        let default = to.network.record.options.get(option::HOST_BINDING).and_then(|text| text.parse().ok());
        let from = self.places.iter().find(|place| !place.endpoint.ports.is_empty());
        Some(Move {
            name: self.name.clone(),
            to: to.endpoint.clone(),
            publishes: to.network.driver.publishes(),
            from: from.map(|place| place.endpoint.clone()),
            requests: self.requests.iter().map(|request| on(request, default)).collect(),
        })
    }
}

/// A request with the host address that the network publishes on if nothing is said; all addresses are no choice.
fn on(request: &PortRequest, default: Option<IpAddr>) -> PortRequest {
    let default = default.filter(|address| !address.is_unspecified());
    PortRequest { host_ip: request.host_ip.or(default), ..*request }
}

/// The request for a port that is published already.
fn same(binding: &PortBinding) -> PortRequest {
    PortRequest {
        container_port: binding.container_port,
        protocol: binding.protocol,
        host_ip: Some(binding.host_ip),
        host_ports: HostPorts::One(binding.host_port),
    }
}

/// Makes the default route lead through an endpoint.
fn route(namespace: BorrowedFd<'_>, to: &Endpoint) -> Result<(), Error> {
    let Some(interface) = &to.interface else { return Ok(()) };
    let action = format!("set the default route of {interface}");
    let mut socket = netns::run_in(namespace, || Ok(Socket::open(Family::Route)))
        .map_err(system(&action))?
        .map_err(refused(&action))?;
    let Some(link) = link_by_name(&mut socket, interface).map_err(refused(&action))? else { return Ok(()) };
    let mut batch = Batch::new();
    for gateway in [to.gateway, to.gateway6].into_iter().flatten() {
        push_default_route(&mut batch, link.index, gateway);
    }
    socket.execute(batch).map_err(refused(&action))
}
