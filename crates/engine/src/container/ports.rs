//! Published ports: from the request's maps to what the network layer wants.

use std::collections::BTreeMap;
use std::net::IpAddr;

use teu_api::container::{Config, HostConfig, PortBinding};
use teu_network::{HostPorts, PortRequest, Protocol};

use crate::Error;

/// The ports to publish, sorted by container port.
pub(crate) fn requests(config: &Config, host: &HostConfig) -> Result<Vec<PortRequest>, Error> {
    let mut all = Vec::new();
    for (spec, bindings) in host.port_bindings.iter().flatten() {
        let (container_port, protocol) = container_port(spec)?;
        let any = [PortBinding::default()];
        let bindings = bindings.as_deref().filter(|b| !b.is_empty()).unwrap_or(&any);
        for binding in bindings {
            all.push(PortRequest {
                container_port,
                protocol,
                host_ip: host_ip(&binding.host_ip)?,
                host_ports: host_ports(&binding.host_port)?,
            });
        }
    }
    if host.publish_all_ports {
        let taken: BTreeMap<_, ()> = all.iter().map(|r| ((r.container_port, r.protocol.number()), ())).collect();
        for spec in config.exposed_ports.iter().flatten().map(|(spec, _)| spec) {
            let (container_port, protocol) = container_port(spec)?;
            if !taken.contains_key(&(container_port, protocol.number())) {
                all.push(PortRequest { container_port, protocol, host_ip: None, host_ports: HostPorts::Any });
            }
        }
    }
    Ok(all)
}

/// `80/tcp`, `53/udp`, `80`
pub(crate) fn container_port(spec: &str) -> Result<(u16, Protocol), Error> {
    let (port, protocol) = spec.split_once('/').unwrap_or((spec, "tcp"));
    let protocol = protocol.parse().map_err(|e| Error::Invalid(format!("{e}")))?;
    match port.parse::<u16>() {
        Ok(port) if port > 0 => Ok((port, protocol)),
        _ => Err(Error::Invalid(format!("invalid port specification: \"{spec}\""))),
    }
}

fn host_ip(text: &str) -> Result<Option<IpAddr>, Error> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if bare.is_empty() {
        return Ok(None);
    }
    bare.parse().map(Some).map_err(|_| Error::Invalid(format!("invalid IP address: {text}")))
}

fn host_ports(text: &str) -> Result<HostPorts, Error> {
    let bad = || Error::Invalid(format!("invalid port specification: \"{text}\""));
    let number = |t: &str| t.parse::<u16>().map_err(|_| bad());
    match text.split_once('-') {
        None if text.is_empty() || text == "0" => Ok(HostPorts::Any),
        None => Ok(HostPorts::One(number(text)?)),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last { Err(bad()) } else { Ok(HostPorts::Range(first, last)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use teu_api::container::{Config, HostConfig, PortBinding};
    use teu_api::json::Empty;
    use teu_network::{HostPorts, Protocol};

    use super::requests;

    #[test]
    fn bindings_and_exposed() {
        let binding = |ip: &str, port: &str| PortBinding { host_ip: ip.to_owned(), host_port: port.to_owned() };
        let bindings = BTreeMap::from([
            ("80/tcp".to_owned(), Some(vec![binding("127.0.0.1", "8080"), binding("", "9000-9009")])),
            ("53/udp".to_owned(), None),
        ]);
        let host = HostConfig { port_bindings: Some(bindings), publish_all_ports: true, ..HostConfig::default() };
        let exposed = ["80/tcp", "443/tcp"].iter().map(|p| ((*p).to_owned(), Empty {})).collect();
        let config = Config { exposed_ports: Some(exposed), ..Config::default() };
        let all = requests(&config, &host).expect("valid");
        let found: Vec<_> = all.iter().map(|r| (r.container_port, r.protocol, r.host_ports)).collect();
        assert_eq!(
            found,
            [
                (53, Protocol::Udp, HostPorts::Any),
                (80, Protocol::Tcp, HostPorts::One(8080)),
                (80, Protocol::Tcp, HostPorts::Range(9000, 9009)),
                (443, Protocol::Tcp, HostPorts::Any),
            ]
        );
    }

    #[test]
    fn refused() {
        for spec in ["0/tcp", "80/icmp", "x", "70000", "80-90/tcp"] {
            assert!(super::container_port(spec).is_err(), "{spec}");
        }
        for port in ["x", "9-8", "1-"] {
            assert!(super::host_ports(port).is_err(), "{port}");
        }
    }
}
