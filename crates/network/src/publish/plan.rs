//! Which host addresses a port is published on, and who carries its traffic.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::target;
use crate::firewall::Translation;
use crate::host::{has_ipv6, unspecified};
use crate::{Endpoint, FirewallMode, PortBinding, PortRequest, Protocol};

/// Who carries the traffic of one published port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Carriers {
    /// The kernel, by translation.
    pub(super) kernel: Option<Translation>,
    /// The proxy, for what arrives at the reserving socket.
    pub(super) proxy: Option<SocketAddr>,
    /// Where to in any case, for errors.
    pub(super) target: Option<SocketAddr>,
}

/// The kernel translates within one family, and all but `::1`: there is no `route_localnet` for IPv6.
pub(super) fn carriers(endpoint: &Endpoint, binding: &PortBinding, mode: FirewallMode, proxy: bool) -> Carriers {
    let ipv6 = binding.host_ip.is_ipv6();
    let same = target(endpoint, binding.container_port, ipv6);
    let other = target(endpoint, binding.container_port, !ipv6);
    let loopback_only = binding.host_ip == IpAddr::V6(Ipv6Addr::LOCALHOST);
    let kernel = same.filter(|_| mode == FirewallMode::Managed && !loopback_only).map(|target| Translation {
        protocol: binding.protocol,
        host: (binding.host_ip, binding.host_port),
        target: (target.ip(), target.port()),
    });
    let covers_loopback = ipv6 && (binding.host_ip.is_unspecified() || loopback_only);
    let needs_proxy = binding.protocol != Protocol::Sctp && (kernel.is_none() || covers_loopback);
    Carriers { kernel, proxy: same.or(other).filter(|_| proxy && needs_proxy), target: same.or(other) }
}

/// Host addresses of a request, each with whether it is an error if the host has no such address family.
pub(super) fn host_addresses(
    request: &PortRequest,
    endpoint: &Endpoint,
    default: IpAddr,
    mode: FirewallMode,
    proxy: bool,
) -> Vec<(IpAddr, bool)> {
    if let Some(address) = request.host_ip {
        return vec![(address, true)];
    }
    if default != unspecified(false) {
        return vec![(default, true)];
    }
    let mut addresses = vec![(default, true)];
    // All addresses of both families, as far as somebody carries IPv6.
    let any6 = unspecified(true);
    let binding =
        PortBinding { container_port: request.container_port, protocol: request.protocol, host_ip: any6, host_port: 0 };
    let carried = carriers(endpoint, &binding, mode, proxy);
    if (carried.kernel.is_some() || carried.proxy.is_some()) && has_ipv6() {
        addresses.push((any6, false));
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DriverKind;

    fn endpoint(ipv6: bool) -> Endpoint {
        Endpoint {
            ipv4: Some("172.17.0.2/16".parse().unwrap()),
            ipv6: ipv6.then(|| "fd00::2/64".parse().unwrap()),
            ..Endpoint::unattached(DriverKind::Bridge)
        }
    }

    /// Whether the kernel and whether the proxy carries a port published on `host`.
    fn carried(host: &str, ipv6: bool, mode: FirewallMode, proxy: bool) -> (bool, bool) {
        let host_ip = host.parse().unwrap();
        let binding = PortBinding { container_port: 80, protocol: Protocol::Tcp, host_ip, host_port: 8080 };
        let carriers = carriers(&endpoint(ipv6), &binding, mode, proxy);
        (carriers.kernel.is_some(), carriers.proxy.is_some())
    }

    #[test]
    fn ipv4_is_the_kernels() {
        for host in ["0.0.0.0", "127.0.0.1", "10.0.0.1"] {
            assert_eq!(carried(host, false, FirewallMode::Managed, true), (true, false));
            assert_eq!(carried(host, false, FirewallMode::Off, true), (false, true));
            assert_eq!(carried(host, false, FirewallMode::Off, false), (false, false));
        }
    }

    #[test]
    fn ipv6_needs_the_proxy_for_loopback_and_for_ipv4_containers() {
        assert_eq!(carried("::", true, FirewallMode::Managed, true), (true, true));
        assert_eq!(carried("::1", true, FirewallMode::Managed, true), (false, true));
        assert_eq!(carried("fd01::1", true, FirewallMode::Managed, true), (true, false));
        assert_eq!(carried("::", false, FirewallMode::Managed, true), (false, true));
        assert_eq!(carried("::", false, FirewallMode::Managed, false), (false, false));
    }
}
