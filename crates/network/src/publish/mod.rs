//! Published ports.
//!
//! A port is claimed in memory, then reserved with a socket that stays bound, so that no process of the host can take
//! it, then translated in the kernel by an element of the packet filter's maps. Connections that the kernel cannot
//! translate (to an IPv6 address for a container that has IPv4 only, to `::1`, or everything if the packet filter is not
//! ours) arrive at that socket and are carried by the [`proxy`].

mod claims;
mod plan;
mod proxy;
mod reserve;
mod udp;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use crate::firewall::{Firewall, Translation};
use crate::pool::lock;
use crate::reaper::{Reaper, Stale};
use crate::{Config, Endpoint, Error, FirewallMode, HostPorts, PortBinding, PortRequest, Protocol};

use claims::Claims;
use plan::{Carriers, carriers, host_addresses};
use proxy::{Carried, Proxy};

/// Who publishes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    /// Name of the container, for errors.
    pub(crate) name: &'a str,
}

/// What keeps a host port reserved.
#[derive(Debug)]
#[expect(dead_code, reason = "held for what closing them means")]
enum Reservation {
    /// Only reserved: the kernel translates.
    Socket(OwnedFd),
    /// Served by the proxy.
    Carried(Carried),
    /// Not possible: no such sockets here (SCTP), or a process of the host took the port while no engine ran.
    None,
}

/// One published port.
#[derive(Debug)]
struct Published {
    binding: PortBinding,
    translation: Option<Translation>,
    reservation: Reservation,
}

/// All published ports of the engine.
#[derive(Debug)]
pub(crate) struct Publisher {
    claims: Claims,
    by_endpoint: Mutex<HashMap<String, Vec<Published>>>,
    firewall: Arc<Firewall>,
    reaper: Arc<Reaper>,
    mode: FirewallMode,
    userland_proxy: bool,
    default_host_ip: IpAddr,
    proxy: Proxy,
}

impl Publisher {
    pub(crate) fn new(config: &Config, firewall: Arc<Firewall>, reaper: Arc<Reaper>) -> Publisher {
        Publisher {
            claims: Claims::new(),
            by_endpoint: Mutex::default(),
            firewall,
            reaper,
            mode: config.firewall,
            userland_proxy: config.userland_proxy,
            default_host_ip: config.default_host_ip,
            proxy: Proxy::default(),
        }
    }

    /// Publishes all ports of an endpoint or none.
    pub(crate) fn publish(
        &self,
        owner: Owner<'_>,
        endpoint: &Endpoint,
        requests: &[PortRequest],
    ) -> Result<Vec<PortBinding>, Error> {
        let mut published = Vec::new();
        let result = requests
            .iter()
            .try_for_each(|request| self.reserve(owner, endpoint, request, &mut published))
            .and_then(|()| self.translate(&published));
        if let Err(error) = result {
            self.unclaim(published);
            return Err(error);
        }
        let bindings = published.iter().map(|p| p.binding).collect();
        self.forget_datagrams(&published);
        lock(&self.by_endpoint).insert(endpoint.id.clone(), published);
        Ok(bindings)
    }

    /// Takes an endpoint's ports back. They are free when this returns, whatever the packet filter says.
    pub(crate) fn withdraw(&self, endpoint: &str) -> Result<(), Error> {
        let Some(published) = lock(&self.by_endpoint).remove(endpoint) else { return Ok(()) };
        let translations: Vec<_> = published.iter().filter_map(|p| p.translation).collect();
        let result = if translations.is_empty() { Ok(()) } else { self.firewall.withdraw(&translations) };
        self.forget_datagrams(&published);
        self.unclaim(published);
        result
    }

    /// Datagrams on their way to an earlier (or no) holder of a port must not go there for ever.
    fn forget_datagrams(&self, published: &[Published]) {
        let udp = || published.iter().filter(|p| p.binding.protocol == Protocol::Udp).filter_map(|p| p.translation);
        let (ports, addresses) = (udp().map(|t| t.host.1).collect(), udp().map(|t| t.target.0).collect());
        self.reaper.forget(Stale { ports, addresses });
    }

    /// Claims and reserves the ports of an endpoint that has them already. The packet filter is not changed: the caller
    /// replaces its table. Ports that a process of the host took meanwhile are returned.
    pub(crate) fn adopt(&self, endpoint: &Endpoint) -> Vec<PortBinding> {
        let (mut published, mut conflicts) = (Vec::new(), Vec::new());
        for binding in &endpoint.ports {
            let carriers = self.carriers(endpoint, binding);
            self.claims.claim(binding);
            let reservation = reserve::reserve(binding).and_then(|socket| self.serve(socket, binding, &carriers));
            let reservation = reservation.unwrap_or_else(|_| {
                conflicts.push(*binding);
                Reservation::None
            });
            published.push(Published { binding: *binding, translation: carriers.kernel, reservation });
        }
        lock(&self.by_endpoint).insert(endpoint.id.clone(), published);
        conflicts
    }

    /// All translations, for the packet filter's table to be made from nothing.
    pub(crate) fn translations(&self) -> Vec<Translation> {
        lock(&self.by_endpoint).values().flatten().filter_map(|p| p.translation).collect()
    }

    fn translate(&self, published: &[Published]) -> Result<(), Error> {
        let translations: Vec<_> = published.iter().filter_map(|p| p.translation).collect();
        if translations.is_empty() { Ok(()) } else { self.firewall.publish(&translations) }
    }

    fn unclaim(&self, published: Vec<Published>) {
        for entry in published {
            // The socket is closed first: the port is free for others only then.
            drop(entry.reservation);
            self.claims.release(&entry.binding);
        }
    }

    fn carriers(&self, endpoint: &Endpoint, binding: &PortBinding) -> Carriers {
        carriers(endpoint, binding, self.mode, self.userland_proxy)
    }

    /// Finds a host port for one request and reserves it on all its host addresses.
    fn reserve(
        &self,
        owner: Owner<'_>,
        endpoint: &Endpoint,
        request: &PortRequest,
        published: &mut Vec<Published>,
    ) -> Result<(), Error> {
        let addresses = host_addresses(request, endpoint, self.default_host_ip, self.mode, self.userland_proxy);
        let mut failure = None;
        for port in self.claims.candidates(request.host_ports) {
            match self.reserve_port(owner, endpoint, request, &addresses, port) {
                Ok(mut entries) => {
                    published.append(&mut entries);
                    return Ok(());
                }
                Err(error) => failure = Some(error),
            }
        }
        let exhausted = || Error::PortsExhausted { container: owner.name.to_owned(), endpoint: endpoint.id.clone() };
        // With a choice of ports the last one's problem says nothing.
        Err(failure.filter(|_| matches!(request.host_ports, HostPorts::One(_))).unwrap_or_else(exhausted))
    }

    /// One host port on all addresses, or none.
    fn reserve_port(
        &self,
        owner: Owner<'_>,
        endpoint: &Endpoint,
        request: &PortRequest,
        addresses: &[(IpAddr, bool)],
        port: u16,
    ) -> Result<Vec<Published>, Error> {
        let mut entries = Vec::with_capacity(addresses.len());
        for &(host_ip, required) in addresses {
            let (container_port, protocol) = (request.container_port, request.protocol);
            let binding = PortBinding { container_port, protocol, host_ip, host_port: port };
            match self.reserve_binding(owner, endpoint, binding) {
                Ok(entry) => entries.push(entry),
                Err(Error::PortBind { source, .. }) if !required && reserve::is_unsupported(&source) => {}
                Err(error) => {
                    self.unclaim(entries);
                    return Err(error);
                }
            }
        }
        Ok(entries)
    }

    fn reserve_binding(&self, owner: Owner<'_>, endpoint: &Endpoint, binding: PortBinding) -> Result<Published, Error> {
        let host = binding.host();
        if !self.claims.claim(&binding) {
            return Err(Error::PortAllocated { container: owner.name.to_owned(), endpoint: endpoint.id.clone(), host });
        }
        let carriers = self.carriers(endpoint, &binding);
        let reservation = reserve::reserve(&binding).and_then(|socket| self.serve(socket, &binding, &carriers));
        match reservation {
            Ok(reservation) => Ok(Published { binding, translation: carriers.kernel, reservation }),
            Err(source) => {
                self.claims.release(&binding);
                Err(Error::PortBind {
                    container: owner.name.to_owned(),
                    endpoint: endpoint.id.clone(),
                    host,
                    target: carriers.target.unwrap_or(host),
                    protocol: binding.protocol,
                    source,
                })
            }
        }
    }

    /// Keeps a reserving socket, or lets the proxy serve it.
    fn serve(
        &self,
        socket: Option<OwnedFd>,
        binding: &PortBinding,
        carriers: &Carriers,
    ) -> std::io::Result<Reservation> {
        match (socket, carriers.proxy) {
            (None, _) => Ok(Reservation::None),
            (Some(socket), None) => Ok(Reservation::Socket(socket)),
            (Some(socket), Some(target)) if binding.protocol == Protocol::Udp => {
                self.proxy.udp(socket.into(), target).map(Reservation::Carried)
            }
            (Some(socket), Some(target)) => self.proxy.tcp(socket.into(), target).map(Reservation::Carried),
        }
    }
}

/// Address and port of the container, if it has an address of the wanted family.
fn target(endpoint: &Endpoint, port: u16, ipv6: bool) -> Option<SocketAddr> {
    let address = if ipv6 { endpoint.ipv6 } else { endpoint.ipv4 };
    address.map(|a| SocketAddr::new(a.address(), port))
}
