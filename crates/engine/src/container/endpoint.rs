//! What a request asks of its connection to a network, checked in Docker's words.

use std::net::IpAddr;

use teu_api::network::{EndpointIpamConfig, EndpointSettings};
use teu_network::Subnet;

use crate::{Engine, Error};

const PREDEFINED: [&str; 3] = ["bridge", "host", "none"];

/// Whether anything is asked that could be wrong.
pub(super) fn is_particular(settings: &EndpointSettings) -> bool {
    settings.ipam_config.is_some() || settings.aliases.is_some() || settings.driver_opts.is_some()
}

/// Checks the settings for a network; `subnets` are those that addresses can be wished of, if it exists. What is wrong is told
/// after `head`.
pub(super) fn check(
    network: &str,
    settings: &EndpointSettings,
    subnets: Option<&[Subnet]>,
    head: &str,
) -> Result<(), Error> {
    unbuilt(settings)?;
    let wrong = faults(network, settings, subnets);
    let list = match wrong.as_slice() {
        [] => return Ok(()),
        [one] => one.clone(),
        many => many.iter().map(|fault| format!("* {fault}")).collect::<Vec<_>>().join("\n"),
    };
    Err(Error::Invalid(format!("{head}invalid endpoint settings:\n{list}")))
}

/// What is not built is refused, never ignored.
fn unbuilt(settings: &EndpointSettings) -> Result<(), Error> {
    let mut options = settings.driver_opts.iter().flatten().map(|(name, _)| name);
    match options.find(|name| name.starts_with("com.docker.network.")) {
        Some(option) => Err(Error::Unsupported(format!("the option {option} of an endpoint"))),
        None => Ok(()),
    }
}

impl Engine {
    /// The subnets of a network that containers may wish for addresses of; none if there is no such network.
    pub(super) fn wishable(&self, network: &str) -> Option<Vec<Subnet>> {
        let record = self.networks().ok()?.record(network).ok()?;
        let is_default = PREDEFINED.contains(&record.name.as_str());
        Some(record.ipam.iter().filter(|row| is_default || !row.chosen).map(|row| row.subnet).collect())
    }
}

fn faults(network: &str, settings: &EndpointSettings, subnets: Option<&[Subnet]>) -> Vec<String> {
    let none = EndpointIpamConfig::default();
    let ipam = settings.ipam_config.as_ref().unwrap_or(&none);
    let (ipv4, ipv6) = (ipam.ipv4_address.as_str(), ipam.ipv6_address.as_str());
    let mut wrong = Vec::new();
    if PREDEFINED.contains(&network) {
        if !(ipv4.is_empty() && ipv6.is_empty()) {
            wrong.push("user specified IP address is supported on user defined networks only".to_owned());
        }
        if settings.aliases.as_ref().is_some_and(|aliases| !aliases.is_empty()) {
            let text = "network-scoped alias is supported only for containers in user defined networks";
            wrong.push(text.to_owned());
        }
    }
    let is = |text: &str, family: fn(&IpAddr) -> bool| {
        text.parse::<IpAddr>().is_ok_and(|ip| family(&ip) && !ip.is_unspecified())
    };
    if !ipv4.is_empty() && !is(ipv4, IpAddr::is_ipv4) {
        wrong.push(format!("invalid IPv4 address: {ipv4}"));
    }
    if !ipv6.is_empty() && !is(ipv6, IpAddr::is_ipv6) {
        wrong.push(format!("invalid IPv6 address: {ipv6}"));
    }
    let link_local = ipam.link_local_ips.iter().flatten().filter(|text| !is(text, |_| true));
    wrong.extend(link_local.map(|text| format!("invalid link-local IP address: {text}")));
    if let Some(subnets) = subnets {
        wrong.extend(out_of_range(ipv4, subnets.iter().filter(|subnet| !subnet.is_ipv6())));
        wrong.extend(out_of_range(ipv6, subnets.iter().filter(|subnet| subnet.is_ipv6())));
    }
    wrong
}

fn out_of_range<'s>(address: &str, subnets: impl Iterator<Item = &'s Subnet>) -> Option<String> {
    if address.is_empty() {
        return None;
    }
    let parsed = address.parse().ok();
    let mut subnets = subnets.peekable();
    if subnets.peek().is_none() {
        let text =
            "user specified IP address is supported only when connecting to networks with user configured subnets";
        return Some(text.to_owned());
    }
    let inside = subnets.any(|subnet| parsed.is_some_and(|address| subnet.contains(address)));
    (!inside).then(|| format!("no configured subnet or ip-range contain the IP address {address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(network: &str, ipam: EndpointIpamConfig) -> String {
        let subnets = [Subnet::new([172, 17, 0, 0], 16).unwrap()];
        let settings = EndpointSettings { ipam_config: Some(ipam), ..EndpointSettings::default() };
        let head = format!("invalid config for network {network}: ");
        check(network, &settings, Some(&subnets), &head).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        const HEAD: &str = "invalid config for network bridge: invalid endpoint settings:\n";
        const OWN: &str = "user specified IP address is supported on user defined networks only";
        let v4 = |text: &str| EndpointIpamConfig { ipv4_address: text.to_owned(), ..EndpointIpamConfig::default() };
        let v6 = |text: &str| EndpointIpamConfig { ipv6_address: text.to_owned(), ..EndpointIpamConfig::default() };
        assert_eq!(refused("bridge", EndpointIpamConfig::default()), "");
        assert_eq!(refused("bridge", v4("172.17.0.9")), format!("{HEAD}{OWN}"));
        let outside = "no configured subnet or ip-range contain the IP address";
        assert_eq!(refused("bridge", v4("x")), format!("{HEAD}* {OWN}\n* invalid IPv4 address: x\n* {outside} x"));
        let unknown =
            "user specified IP address is supported only when connecting to networks with user configured subnets";
        assert_eq!(refused("bridge", v6("2001:db8::3")), format!("{HEAD}* {OWN}\n* {unknown}"));
        let local = EndpointIpamConfig { link_local_ips: Some(vec!["y".to_owned()]), ..v4("") };
        assert_eq!(refused("bridge", local), format!("{HEAD}invalid link-local IP address: y"));
        assert_eq!(refused("quay", v4("172.17.0.9")), "");
        assert!(refused("quay", v4("10.0.0.9")).ends_with(&format!("{outside} 10.0.0.9")));
    }
}
