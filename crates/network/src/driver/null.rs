//! A namespace with a loopback interface only.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use teu_oci::runtime::IdMaps;
use teu_sys::netns;

use super::{Attached, Driver, Wish};
use crate::error::system;
use crate::pool::{Pool, Replenish, Signal};
use crate::sandbox::{Place, prepare, return_home};
use crate::{DriverKind, Endpoint, Error, NetworkRecord, PoolLimits};

/// `--network none`.
#[derive(Debug)]
pub(crate) struct Null {
    blank: Endpoint,
    home: OwnedFd,
    pool: Pool<Place>,
    /// Maps of those in the pool.
    ids: Option<Arc<IdMaps>>,
}

impl Null {
    pub(crate) fn new(
        record: &NetworkRecord,
        limits: PoolLimits,
        signal: Arc<Signal>,
        ids: Option<Arc<IdMaps>>,
    ) -> Result<Null, Error> {
        let home = netns::current().map_err(system("open network namespace"))?;
        Ok(Null { blank: Endpoint::blank(DriverKind::Null, record), home, pool: Pool::new(limits, signal), ids })
    }

    fn build(&self, ids: Option<&IdMaps>) -> Result<Place, Error> {
        let built = prepare(ids).map(|created| Place { netns: created.namespace, user: created.user });
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
        Ok(Attached { netns: Some(place.netns), user, link: None, endpoint: Endpoint { id, ..self.blank.clone() } })
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
        self.pool.is_low()
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
