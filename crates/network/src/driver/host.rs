//! The host's own namespace.

use super::{Attached, Driver, Wish};
use crate::{DriverKind, Endpoint, Error, NetworkRecord};

/// `--network host`.
#[derive(Debug)]
pub(crate) struct Host {
    blank: Endpoint,
}

impl Host {
    pub(crate) fn new(record: &NetworkRecord) -> Host {
        Host { blank: Endpoint::blank(DriverKind::Host, record) }
    }
}

impl Driver for Host {
    fn attach(&self, id: String, _: Wish) -> Result<Attached, Error> {
        Ok(Attached {
            netns: None,
            user: None,
            sysfs: None,
            link: None,
            dns: None,
            endpoint: Endpoint { id, ..self.blank.clone() },
        })
    }

    fn detach(&self, _: &Endpoint, _: Option<u32>) {}
}
