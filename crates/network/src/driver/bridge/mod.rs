//! A Linux bridge with address translation.
//!
//! Endpoints are made ahead of time and complete: namespace, veth pair, addresses, route, neighbours. Attaching takes
//! one from the pool and costs no system call at all unless the container wants an address of its own choice.

mod adopt;
mod device;
mod ready;
mod settings;

use std::net::IpAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use teu_oci::runtime::IdMaps;
use teu_sys::netns;
use teu_sys::sysctl::Sysctls;

use super::{Attached, Common, Driver, Found, Wish};
use crate::error::system;
use crate::firewall::NetworkRules;
use crate::ipam::Range;
use crate::leases::{Lease, Leases, NoAddress, PORTS};
use crate::pool::{Pool, Replenish};
use crate::reaper::{Corpse, Reaper};
use crate::{DriverKind, Endpoint, Error, MacAddress, MacPolicy, NetworkRecord, Subnet};

pub(crate) use device::remove_strays;
use ready::Ready;
pub(crate) use settings::{Settings, device_name};

/// One bridge network.
#[derive(Debug)]
pub(crate) struct Bridge {
    settings: Settings,
    blank: Endpoint,
    mac_policy: MacPolicy,
    /// Index of the bridge device.
    index: u32,
    /// The host's namespace.
    home: OwnedFd,
    host_has_ipv6: bool,
    leases: Arc<Leases>,
    pool: Pool<Ready>,
    /// Maps of those in the pool.
    ids: Option<Arc<IdMaps>>,
    reaper: Arc<Reaper>,
    sysctls: Arc<Sysctls>,
}

impl Bridge {
    /// Makes or verifies the bridge device of this network.
    pub(crate) fn new(record: &NetworkRecord, settings: Settings, common: Common) -> Result<Bridge, Error> {
        let index = device::set_up(&settings)?;
        let home = netns::current().map_err(system("open network namespace"))?;
        let leases = Arc::new(Leases::new(range(record, false), range(record, true)));
        for gateway in [settings.ipv4, settings.ipv6].into_iter().flatten() {
            leases.reserve(&lease_of(gateway));
        }
        for gateway in [settings.gateway, settings.gateway6].into_iter().flatten() {
            leases.reserve(&lease_of(Subnet::new(gateway, 0).unwrap_or_else(|| unreachable!("0 bits"))));
        }
        for address in record.ipam.iter().flat_map(|i| i.auxiliary.values()) {
            leases.reserve(&lease_of(Subnet::new(*address, 0).unwrap_or_else(|| unreachable!("0 bits"))));
        }
        Ok(Bridge {
            blank: Endpoint::blank(DriverKind::Bridge, record),
            mac_policy: common.mac_policy,
            index,
            home,
            host_has_ipv6: crate::host::has_ipv6(),
            leases,
            pool: Pool::new(common.limits, common.signal),
            ids: common.ids,
            reaper: common.reaper,
            sysctls: common.sysctls,
            settings,
        })
    }

    /// Free or wanted addresses, and a port. Those of links that wait for their removal are waited for if no others are
    /// left.
    fn lease(&self, wish: &Wish) -> Result<Lease, Error> {
        let wanted = |address: Option<IpAddr>, bridge: Option<Subnet>| {
            let Some(address) = address else { return Ok(None) };
            let subnet = bridge.filter(|b| b.contains(address)).ok_or(Error::AddressOutside(address))?;
            Ok(Subnet::new(address, subnet.prefix()))
        };
        let ipv4 = wanted(wish.ipv4, self.settings.ipv4)?;
        let ipv6 = wanted(wish.ipv6, self.settings.ipv6)?;
        let mut result = self.leases.lease(ipv4, ipv6);
        if result.is_err() {
            self.reaper.flush();
            result = self.leases.lease(ipv4, ipv6);
        }
        result.map_err(|reason| match reason {
            NoAddress::Taken(address) => Error::AddressInUse(address),
            NoAddress::Outside(address) => Error::AddressOutside(address),
            NoAddress::Full => Error::BridgeFull { network: self.blank.network.clone(), ports: PORTS },
            NoAddress::Exhausted => {
                Error::AddressesExhausted { network: self.blank.network.clone(), id: self.blank.network_id.clone() }
            }
        })
    }

    /// Makes an endpoint on the calling thread, which changes its namespace and returns.
    fn build(&self, wish: &Wish) -> Result<Ready, Error> {
        let lease = self.lease(wish)?;
        let mac = wish.mac.unwrap_or_else(|| self.mac_policy.choose(&lease));
        ready::build(self, lease, mac, wish.ids.as_deref()).inspect_err(|_| self.leases.release(&lease))
    }

    /// One that is ready, or one made for these wishes.
    fn take(&self, wish: &Wish) -> Result<Ready, Error> {
        let pooled = wish.ids.is_none() || wish.ids == self.ids;
        if pooled && wish.ipv4.is_none() && wish.ipv6.is_none() && wish.mac.is_none() {
            return match self.pool.take_or_make(|| crate::sandbox::on_thread(|| self.build(wish))) {
                // The last address or port may be that of an endpoint which is being made ahead of time.
                Err(error @ (Error::AddressesExhausted { .. } | Error::BridgeFull { .. })) => {
                    self.pool.take_filled().ok_or(error)
                }
                other => other,
            };
        }
        self.with_wishes(wish, || crate::sandbox::on_thread(|| self.build(wish)))
    }

    /// Builds one anew, with addresses that may wait in the pool.
    fn with_wishes<T>(&self, wish: &Wish, build: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
        self.discard_holder(wish);
        loop {
            let result = build();
            match result {
                Err(Error::AddressInUse(_)) => {}
                // Those in the pool have addresses and ports, too.
                Err(Error::AddressesExhausted { .. } | Error::BridgeFull { .. }) if self.discard_any() => continue,
                _ => return result,
            }
            // It may be the address of one that was just being made.
            let waited = self.pool.wait_for_fill();
            if !self.discard_holder(wish) && !waited {
                return result;
            }
        }
    }

    fn endpoint(&self, id: String, interface: &str, name: String, mac: MacAddress, lease: Lease) -> Endpoint {
        Endpoint {
            id,
            interface: Some(interface.to_owned()),
            host_interface: Some(name),
            mac: Some(mac),
            ipv4: lease.ipv4,
            gateway: lease.ipv4.and(self.settings.gateway),
            ipv6: lease.ipv6,
            gateway6: lease.ipv6.and(self.settings.gateway6),
            ..self.blank.clone()
        }
    }

    /// Takes the wanted addresses from one that waits in the pool; true if there was one. Its namespace goes: the wish is
    /// built anew.
    fn discard_holder(&self, wish: &Wish) -> bool {
        let holder = self.pool.take_if(|ready| ready.holds(wish.ipv4) || ready.holds(wish.ipv6));
        holder.map(|ready| self.discard(ready)).is_some()
    }

    /// Takes the addresses from whichever waits longest in the pool; true if there was one.
    fn discard_any(&self) -> bool {
        self.pool.take_filled().map(|ready| self.discard(ready)).is_some()
    }

    /// Takes back one that nobody used.
    fn discard(&self, ready: Ready) {
        self.bury(Some(ready.link), ready.lease);
    }

    fn bury(&self, link: Option<u32>, lease: Lease) {
        self.reaper.bury(Corpse { link, bridge: self.index, lease, leases: Arc::clone(&self.leases) });
    }
}

impl Driver for Bridge {
    fn attach(&self, id: String, wish: Wish) -> Result<Attached, Error> {
        if !self.settings.user_defined && (wish.ipv4.is_some() || wish.ipv6.is_some()) {
            return Err(Error::AddressNotAllowed);
        }
        let ready = self.take(&wish)?;
        let endpoint = self.endpoint(id, ready::INTERFACE, ready.name, ready.mac, ready.lease);
        // The host's root may do everything in a namespace that belongs to a user namespace below its own.
        let user = wish.ids.and(ready.user);
        Ok(Attached {
            netns: Some(ready.netns),
            user,
            sysfs: ready.sysfs,
            link: Some(ready.link),
            dns: ready.dns,
            endpoint,
        })
    }

    fn join(&self, id: String, wish: Wish, namespace: BorrowedFd<'_>, interface: &str) -> Result<Attached, Error> {
        if !self.settings.user_defined && (wish.ipv4.is_some() || wish.ipv6.is_some()) {
            return Err(Error::AddressNotAllowed);
        }
        let build = || {
            let lease = self.lease(&wish)?;
            let mac = wish.mac.unwrap_or_else(|| self.mac_policy.choose(&lease));
            let joined = crate::sandbox::on_thread(|| ready::join(self, lease, mac, namespace, interface));
            joined.map(|(name, link)| (name, link, mac, lease)).inspect_err(|_| self.leases.release(&lease))
        };
        let (name, link, mac, lease) = self.with_wishes(&wish, build)?;
        let endpoint = self.endpoint(id, interface, name, mac, lease);
        Ok(Attached { netns: None, user: None, sysfs: None, link: Some(link), dns: None, endpoint })
    }

    fn has_names(&self) -> bool {
        self.settings.user_defined
    }

    fn detach(&self, endpoint: &Endpoint, link: Option<u32>) {
        self.bury(link, endpoint.lease());
    }

    fn adopt(&self, endpoints: &[&Endpoint]) -> Result<Found, Error> {
        endpoints.iter().for_each(|e| self.leases.adopt(&e.lease()));
        adopt::reconcile(self, endpoints)
    }

    fn open(&self) {
        self.pool.open();
    }

    fn rules(&self) -> Option<NetworkRules> {
        Some(self.settings.rules())
    }

    fn remove(&self) -> Result<(), Error> {
        self.pool.close().into_iter().for_each(|ready| self.discard(ready));
        // What is just being made wants a bridge to be a port of.
        self.pool.wait_for_fill();
        self.reaper.flush();
        device::remove(&self.settings)
    }
}

impl Replenish for Bridge {
    fn wants(&self) -> bool {
        self.pool.wants() && self.leases.has_free()
    }

    fn is_low(&self) -> bool {
        self.pool.is_low(self.leases.room())
    }

    fn make(&self) -> Result<(), Error> {
        if let Some(late) = self.pool.fill(|| self.build(&Wish { ids: self.ids.clone(), ..Wish::default() }))? {
            self.discard(late);
        }
        Ok(())
    }

    fn is_swollen(&self) -> bool {
        self.pool.is_swollen()
    }

    fn shrink(&self) {
        self.pool.shrink().into_iter().for_each(|ready| self.discard(ready));
    }
}

/// The addresses of one family that the network hands out.
fn range(record: &NetworkRecord, ipv6: bool) -> Option<Range> {
    let ipam = record.ipam.iter().find(|i| i.subnet.is_ipv6() == ipv6)?;
    Some(Range::new(ipam.subnet, ipam.range))
}

fn lease_of(address: Subnet) -> Lease {
    if address.is_ipv6() {
        Lease { ipv4: None, ipv6: Some(address) }
    } else {
        Lease { ipv4: Some(address), ipv6: None }
    }
}
