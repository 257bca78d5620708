//! A network that could not be restored: it is still there to be seen and removed.

use super::{Attached, Driver, Wish};
use crate::{Endpoint, Error, NetworkRecord};

/// What stands for its driver.
#[derive(Debug)]
pub(crate) struct Unavailable {
    network: String,
    reason: String,
}

impl Unavailable {
    pub(crate) fn new(record: &NetworkRecord, reason: &Error) -> Unavailable {
        Unavailable { network: record.name.clone(), reason: reason.to_string() }
    }
}

impl Driver for Unavailable {
    fn attach(&self, _: String, _: Wish) -> Result<Attached, Error> {
        Err(Error::Broken { network: self.network.clone(), reason: self.reason.clone() })
    }

    fn detach(&self, _: &Endpoint, _: Option<u32>) {}
}
