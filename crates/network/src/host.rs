//! The host's own network: uplink, routes, sysctls, and what other software does that matters here.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use teu_sys::netlink::{Family, Socket, links, routes};
use teu_sys::netns::{read_sysctl, write_sysctl};

use crate::error::{Error, refused};

/// MTU if there is no uplink.
const ETHERNET_MTU: u32 = 1500;
/// The largest that a bridge or a veth pair takes (`ETH_MAX_MTU` of `linux/if_ether.h`); that of the loopback device is one more.
const MAX_MTU: u32 = 65535;

/// MTU of the interface that the default route leaves by, as far as bridges can have it.
pub(crate) fn uplink_mtu() -> Result<u32, Error> {
    let mut socket = Socket::open(Family::Route).map_err(refused("open netlink"))?;
    let routes = routes(&mut socket).map_err(refused("list routes"))?;
    let default = routes.iter().filter(|r| r.destination.is_none() && r.prefix == 0).min_by_key(|r| (r.ipv6, r.metric));
    let Some(index) = default.and_then(|r| r.outgoing) else { return Ok(ETHERNET_MTU) };
    let links = links(&mut socket).map_err(refused("list links"))?;
    Ok(links.iter().find(|l| l.index == index).map_or(ETHERNET_MTU, |l| l.mtu.min(MAX_MTU)))
}

/// Switches forwarding on. True if it was on before.
pub(crate) fn enable_forwarding(ipv6: bool) -> io::Result<bool> {
    let mut was_on = true;
    if read_sysctl("net/ipv4/ip_forward")? != "1" {
        write_sysctl("net/ipv4/ip_forward", "1")?;
        was_on = false;
    }
    if ipv6 && read_sysctl("net/ipv6/conf/all/forwarding")? != "1" {
        keep_router_advertisements();
        write_sysctl("net/ipv6/conf/all/forwarding", "1")?;
        was_on = false;
    }
    Ok(was_on)
}

/// A host that forwards ignores router advertisements unless `accept_ra` is 2: it would lose its default route.
fn keep_router_advertisements() {
    let Ok(entries) = std::fs::read_dir("/proc/sys/net/ipv6/conf") else { return };
    for name in entries.flatten().filter_map(|e| e.file_name().into_string().ok()) {
        let sysctl = format!("net/ipv6/conf/{name}/accept_ra");
        let listens = name != "all" && name != "default" && read_sysctl(&sysctl).is_ok_and(|v| v == "1");
        if listens && let Err(error) = write_sysctl(&sysctl, "2") {
            tracing::warn!(interface = name, %error, "router advertisements may be lost");
        }
    }
}

/// Whether forwarding is on.
pub(crate) fn forwards(ipv6: bool) -> bool {
    let name = if ipv6 { "net/ipv6/conf/all/forwarding" } else { "net/ipv4/ip_forward" };
    read_sysctl(name).is_ok_and(|v| v == "1")
}

/// Ports that the kernel picks from for outgoing connections, and Docker for published ports without a number.
pub(crate) fn ephemeral_ports() -> RangeInclusive<u16> {
    let parse = |text: String| {
        let mut parts = text.split_whitespace().map(str::parse);
        Some(parts.next()?.ok()?..=parts.next()?.ok()?)
    };
    // The kernel's default, and Docker's if the file cannot be read.
    read_sysctl("net/ipv4/ip_local_port_range").ok().and_then(parse).unwrap_or(32768..=60999)
}

/// Whether the host has IPv6 at all.
pub(crate) fn has_ipv6() -> bool {
    std::fs::exists("/proc/thread-self/net/if_inet6").unwrap_or(false)
}

/// The unspecified address of a family.
pub(crate) fn unspecified(ipv6: bool) -> IpAddr {
    if ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}
