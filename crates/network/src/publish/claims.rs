//! Which host ports are taken by containers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::host::ephemeral_ports;
use crate::pool::lock;
use crate::{HostPorts, PortBinding, Protocol};

/// Host ports by protocol and number, each with the addresses it is taken on.
#[derive(Debug)]
pub(super) struct Claims {
    taken: Mutex<HashMap<(Protocol, u16), Vec<IpAddr>>>,
    ephemeral: RangeInclusive<u16>,
    /// Steps from the start of the range where the next search begins.
    next: AtomicU16,
}

impl Claims {
    pub(super) fn new() -> Claims {
        Claims { taken: Mutex::default(), ephemeral: ephemeral_ports(), next: AtomicU16::new(0) }
    }

    /// Takes a port; false if a container has it on this address, on all addresses of the family, or on any if all are
    /// wanted.
    pub(super) fn claim(&self, binding: &PortBinding) -> bool {
        let mut taken = lock(&self.taken);
        let addresses = taken.entry((binding.protocol, binding.host_port)).or_default();
        if addresses.iter().any(|a| collide(*a, binding.host_ip)) {
            return false;
        }
        addresses.push(binding.host_ip);
        true
    }

    pub(super) fn release(&self, binding: &PortBinding) {
        let mut taken = lock(&self.taken);
        let key = (binding.protocol, binding.host_port);
        let Some(addresses) = taken.get_mut(&key) else { return };
        if let Some(at) = addresses.iter().position(|a| *a == binding.host_ip) {
            addresses.swap_remove(at);
        }
        if addresses.is_empty() {
            taken.remove(&key);
        }
    }

    /// Ports to try, in order.
    pub(super) fn candidates(&self, wanted: HostPorts) -> Box<dyn Iterator<Item = u16> + '_> {
        match wanted {
            HostPorts::One(port) => Box::new(std::iter::once(port)),
            HostPorts::Range(first, last) => Box::new(first..=last),
            HostPorts::Any => Box::new(self.any()),
        }
    }

    /// The ephemeral range in turn, so that a port that was given back rests as long as possible.
    fn any(&self) -> impl Iterator<Item = u16> + '_ {
        let (first, last) = (*self.ephemeral.start(), *self.ephemeral.end());
        (first..=last).map(move |_| {
            let step = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |step| {
                Some(if step >= last - first { 0 } else { step + 1 })
            });
            first + step.unwrap_or_else(|step| step).min(last - first)
        })
    }
}

fn collide(a: IpAddr, b: IpAddr) -> bool {
    a.is_ipv6() == b.is_ipv6() && (a == b || a.is_unspecified() || b.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(host: &str, port: u16) -> PortBinding {
        let host_ip = host.parse().unwrap();
        PortBinding { container_port: 80, protocol: Protocol::Tcp, host_ip, host_port: port }
    }

    #[test]
    fn collisions() {
        let claims = Claims::new();
        assert!(claims.claim(&binding("10.0.0.1", 80)));
        assert!(claims.claim(&binding("10.0.0.2", 80)));
        assert!(!claims.claim(&binding("0.0.0.0", 80)));
        assert!(claims.claim(&binding("::", 80)));
        assert!(!claims.claim(&binding("::1", 80)));
        assert!(claims.claim(&PortBinding { protocol: Protocol::Udp, ..binding("10.0.0.1", 80) }));
        claims.release(&binding("10.0.0.1", 80));
        claims.release(&binding("10.0.0.2", 80));
        claims.release(&binding("10.0.0.3", 80));
        assert!(claims.claim(&binding("0.0.0.0", 80)));
        assert!(!claims.claim(&binding("10.0.0.1", 80)));
    }

    #[test]
    fn any_port_goes_round() {
        let claims = Claims { ephemeral: 100..=103, ..Claims::new() };
        let ports: Vec<u16> = claims.candidates(HostPorts::Any).collect();
        assert_eq!(ports, [100, 101, 102, 103]);
        assert_eq!(claims.candidates(HostPorts::Any).take(2).collect::<Vec<_>>(), [100, 101]);
        assert_eq!(claims.candidates(HostPorts::Any).next(), Some(102));
        assert_eq!(claims.candidates(HostPorts::Range(7, 9)).collect::<Vec<_>>(), [7, 8, 9]);
    }
}
