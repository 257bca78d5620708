//! `/etc/hosts`.

use std::fmt::Write;
use std::net::IpAddr;

use teu_api::container::HostConfig;
use teu_network::Endpoint;

use super::super::definition::Definition;
use crate::Error;

/// What stands for the host's address in `--add-host`.
const HOST_GATEWAY: &str = "host-gateway";

const LOCAL: &str = "127.0.0.1\tlocalhost\n\
::1\tlocalhost ip6-localhost ip6-loopback\n\
fe00::\tip6-localnet\n\
ff00::\tip6-mcastprefix\n\
ff02::1\tip6-allnodes\n\
ff02::2\tip6-allrouters\n";

/// Checks one `name:address` of a request.
pub(crate) fn check_extra_host(entry: &str) -> Result<(), Error> {
    let bad = || Error::Invalid(format!("bad format for add-host: {entry:?}"));
    let (name, address) = split(entry).ok_or_else(bad)?;
    // A line end would begin another entry.
    if name.is_empty() || name.contains(char::is_control) {
        return Err(bad());
    }
    if address == HOST_GATEWAY || address.parse::<IpAddr>().is_ok() {
        Ok(())
    } else {
        Err(Error::Invalid(format!("invalid IP address in add-host: {address:?}")))
    }
}

/// `name:address`, or with `=`; an IPv6 address may be in brackets.
fn split(entry: &str) -> Option<(&str, &str)> {
    let (name, address) = entry.split_once('=').or_else(|| entry.split_once(':'))?;
    let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
    Some((name, bare))
}

/// The file: the machine itself, what the user adds, linked containers, the container's own names.
pub(super) fn content(
    definition: &Definition,
    endpoints: &[Endpoint],
    gateway: Option<IpAddr>,
    links: &[String],
) -> String {
    if definition.host.network_mode == "host" {
        let own = std::fs::read_to_string("/etc/hosts").unwrap_or_else(|_| LOCAL.to_owned());
        return own + &extra(&definition.host, gateway);
    }
    let mut text = LOCAL.to_owned() + &extra(&definition.host, gateway);
    for link in links {
        text.push_str(link);
        text.push('\n');
    }
    let names = own_names(definition);
    let addresses = endpoints.iter().flat_map(|e| [e.ipv4.as_ref(), e.ipv6.as_ref()]).flatten();
    for subnet in addresses {
        // Writing to a string does not fail.
        let _infallible = writeln!(text, "{}\t{names}", subnet.address());
    }
    text
}

fn own_names(definition: &Definition) -> String {
    let (host, domain) = (&definition.config.hostname, &definition.config.domainname);
    let short = host.split('.').next().unwrap_or(host);
    match (domain.is_empty(), host.contains('.')) {
        (false, _) => format!("{host}.{domain} {host}"),
        (true, true) => format!("{host} {short}"),
        (true, false) => host.clone(),
    }
}

pub(super) fn extra(host: &HostConfig, gateway: Option<IpAddr>) -> String {
    let mut text = String::new();
    for (name, address) in host.extra_hosts.iter().flatten().filter_map(|entry| split(entry)) {
        let address = match (address, gateway) {
            (HOST_GATEWAY, Some(gateway)) => gateway.to_string(),
            (HOST_GATEWAY, None) => continue,
            (address, _) => address.to_owned(),
        };
        let _infallible = writeln!(text, "{address}\t{name}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::check_extra_host;

    #[test]
    fn extra_hosts() {
        for good in ["a:1.2.3.4", "a:::1", "a=::1", "a:[::1]", "gw:host-gateway"] {
            assert!(check_extra_host(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "a:", ":1.2.3.4", "a:1.2.3", "a:host", "a\n1.1.1.1 b:1.2.3.4"] {
            assert!(check_extra_host(bad).is_err(), "{bad}");
        }
    }
}
