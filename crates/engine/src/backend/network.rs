//! The network layer as containers need it.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use teu_network::{AttachRequest, Endpoint, Join, Kind, Networks, ResolverConfig, Sandbox};

use super::{Sandboxes, chain};
use crate::Error;

impl From<teu_network::Error> for Error {
    fn from(error: teu_network::Error) -> Error {
        if let teu_network::Error::NotFound(name) = error {
            return Error::NoSuchNetwork(name);
        }
        let message = chain(&error);
        // Docker has no class for it.
        if let teu_network::Error::NotAttached { .. } = error {
            return Error::Failed(message);
        }
        match error.kind() {
            Kind::InvalidParameter => Error::Invalid(message),
            Kind::NotFound => Error::NotFound(message),
            Kind::Conflict => Error::Conflict(message),
            Kind::Forbidden => Error::Forbidden(message),
            // Docker puts no word in front of these, and clients look for "port is already allocated".
            Kind::System => Error::Network(message),
        }
    }
}

impl Sandboxes for Networks {
    fn attach(&self, request: AttachRequest) -> Result<Sandbox, Error> {
        Ok(Networks::attach(self, request)?)
    }

    fn connect(
        &self,
        container: (&str, &str),
        join: Join,
        namespace: BorrowedFd<'_>,
        resolver: &ResolverConfig,
    ) -> Result<Vec<Endpoint>, Error> {
        Ok(Networks::connect(self, container, join, namespace, resolver)?)
    }

    fn disconnect(
        &self,
        container: &str,
        network: &str,
        namespace: Option<BorrowedFd<'_>>,
    ) -> Result<Vec<Endpoint>, Error> {
        Ok(Networks::disconnect(self, container, network, namespace)?)
    }

    fn hide(&self, container: &str) {
        Networks::hide(self, container);
    }

    fn release(&self, container: &str) -> Result<(), Error> {
        Ok(Networks::release(self, container)?)
    }

    fn rename(&self, container: &str, name: &str) {
        Networks::rename(self, container, name);
    }

    fn network_name(&self, network: &str) -> Result<String, Error> {
        Ok(self.record(network)?.name)
    }

    fn host_gateway(&self) -> Option<IpAddr> {
        self.record("bridge").ok()?.ipam.first()?.gateway
    }
}
