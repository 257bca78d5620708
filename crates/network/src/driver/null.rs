//! A namespace with a loopback interface only.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use teu_oci::runtime::IdMaps;
use teu_sys::netns;
use teu_sys::sysctl::Sysctls;

use super::{Attached, Common, Driver, Wish};
use crate::error::system;
use crate::pool::{Pool, Replenish};
use crate::sandbox::{Place, prepare, return_home};
use crate::{DriverKind, Endpoint, Error, NetworkRecord};

/// `--network none`.
#[derive(Debug)]
pub(crate) struct Null {
    blank: Endpoint,
    home: OwnedFd,
    pool: Pool<Place>,
    /// Maps of those in the pool.
    ids: Option<Arc<IdMaps>>,
    sysctls: Arc<Sysctls>,
}

impl Null {
    pub(crate) fn new(record: &NetworkRecord, common: Common) -> Result<Null, Error> {
        let home = netns::current().map_err(system("open network namespace"))?;
        Ok(Null {
            blank: Endpoint::blank(DriverKind::Null, record),
            home,
            pool: Pool::new(common.limits, common.signal),
            ids: common.ids,
            sysctls: common.sysctls,
        })
    }

    fn build(&self, ids: Option<&IdMaps>) -> Result<Place, Error> {
        let built = prepare(ids, &self.sysctls).map(|made| Place {
            netns: made.created.namespace,
            user: made.created.user,
            sysfs: made.sysfs,
        });
        return_home(&self.home);
        built.map_err(system("create network namespace"))
    }
}

impl Driver for Null {
    fn attach(&self, id: String, wish: Wish) -> Result<Attached, Error> {
        let make = || crate::sandbox::on_thread(|| self.build(wish.ids.as_deref()));
        let pooled = wish.ids.is_none() || wish.ids == self.ids;
        let place = if pooled { self.pool.take_or_make(make)? } else { make()? };
        // The host's root may do everything in a namespace that belongs to a user namespace below its own.
        let user = wish.ids.and(place.user);
        let endpoint = Endpoint { id, ..self.blank.clone() };
        Ok(Attached { netns: Some(place.netns), user, sysfs: place.sysfs, link: None, dns: None, endpoint })
    }

    fn detach(&self, _: &Endpoint, _: Option<u32>) {}

    fn open(&self) {
        self.pool.open();
    }
}

impl Replenish for Null {
    fn wants(&self) -> bool {
        self.pool.wants()
    }

    fn is_low(&self) -> bool {
        self.pool.is_low(usize::MAX)
    }

    fn make(&self) -> Result<(), Error> {
        self.pool.fill(|| self.build(self.ids.as_deref())).map(drop)
    }

    fn is_swollen(&self) -> bool {
        self.pool.is_swollen()
    }

    fn shrink(&self) {
        self.pool.shrink();
    }
}
