//! Networks: drivers, address management, firewall and published ports.
//!
//! [`Networks`] is the one entry point. Its methods are plain blocking code that takes well under a
//! millisecond on the path of a container's start; slow work (making namespaces ahead of time, tearing links
//! down) happens on threads of its own. The kernel holds the live state, the caller persists
//! [`NetworkRecord`]s and [`Endpoint`]s and hands them back after a restart: this crate writes no file.

mod background;
mod config;
mod dns;
mod driver;
mod endpoint;
mod error;
mod firewall;
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod identity;
mod ipam;
mod leases;
mod mac;
mod networks;
mod pool;
mod port;
mod predefined;
mod publish;
mod reach;
mod reaper;
mod record;
mod sandbox;
mod subnet;

pub use config::{AddressPool, Config, FirewallMode, MacPolicy, PoolLimits};
pub use dns::ResolverConfig;
pub use endpoint::{AttachRequest, Endpoint, Join, LiveContainer, Membership, Sandbox, Target};
pub use error::{Error, Kind};
pub use mac::MacAddress;
pub use networks::{Adoption, NetworkSpec, Networks, PortConflict};
pub use port::{HostPorts, PortBinding, PortRequest, Protocol};
pub use record::{DriverKind, EndpointInfo, IpamSubnet, NetworkInfo, NetworkRecord, option};
pub use subnet::{InvalidSubnet, Subnet};
