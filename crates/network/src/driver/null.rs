//! A namespace with a loopback interface only.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use teu_sys::netns;

use super::{Attached, Driver, Wish};
use crate::error::system;
use crate::pool::{Pool, Replenish, Signal};
use crate::sandbox::{prepare, return_home};
use crate::{DriverKind, Endpoint, Error, NetworkRecord, PoolLimits};

/// `--network none`.
#[derive(Debug)]
pub(crate) struct Null {
    blank: Endpoint,
    home: OwnedFd,
    pool: Pool<OwnedFd>,
}

impl Null {
    pub(crate) fn new(record: &NetworkRecord, limits: PoolLimits, signal: Arc<Signal>) -> Result<Null, Error> {
        let home = netns::current().map_err(system("open network namespace"))?;
        Ok(Null { blank: Endpoint::blank(DriverKind::Null, record), home, pool: Pool::new(limits, signal) })
    }

    fn build(&self) -> Result<OwnedFd, Error> {
        let built = prepare().map(|created| created.namespace);
        return_home(&self.home);
        built.map_err(system("create network namespace"))
    }
}

impl Driver for Null {
    fn attach(&self, id: String, _: Wish) -> Result<Attached, Error> {
        let netns = self.pool.take_or_make(|| crate::sandbox::on_thread(|| self.build()))?;
        Ok(Attached { netns: Some(netns), link: None, endpoint: Endpoint { id, ..self.blank.clone() } })
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
        self.pool.fill(|| self.build()).map(drop)
    }

    fn is_swollen(&self) -> bool {
        self.pool.is_swollen()
    }

    fn shrink(&self) {
        self.pool.shrink();
    }
}
