//! The column of ports: `0.0.0.0:8080-8081->80-81/tcp, 443/tcp`.

use teu_api::container::Port;

/// Describes the ports, with runs of neighbouring ports joined to ranges.
pub(crate) fn describe(ports: &[Port]) -> String {
    let mut ports: Vec<&Port> = ports.iter().collect();
    ports.sort_by_key(|port| (port.private_port, port.ip.clone(), port.public_port, port.protocol.clone()));
    let mut hosts = Vec::new();
    let mut ranges = Vec::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for port in ports {
        // A published port whose number differs on the host stands for itself.
        if !port.ip.is_empty() && port.public_port != port.private_port {
            hosts.push(format!(
                "{}->{}/{}",
                join(&port.ip, &port.public_port.to_string()),
                port.private_port,
                port.protocol
            ));
            continue;
        }
        match groups.iter_mut().find(|group| group.ip == port.ip && group.protocol == port.protocol) {
            Some(group) if port.private_port == group.last + 1 || port.private_port == group.last => {
                group.last = port.private_port;
            }
            Some(group) => {
                let ended = std::mem::replace(group, Group::of(port));
                ranges.push(ended.to_string());
            }
            None => groups.push(Group::of(port)),
        }
    }
    groups.sort_by_key(|group| format!("{}/{}", group.ip, group.protocol));
    ranges.extend(groups.iter().map(ToString::to_string));
    ranges.extend(hosts);
    ranges.join(", ")
}

/// A run of ports at one address.
struct Group<'a> {
    ip: &'a str,
    protocol: &'a str,
    first: u16,
    last: u16,
}

impl<'a> Group<'a> {
    fn of(port: &'a Port) -> Self {
        Self { ip: &port.ip, protocol: &port.protocol, first: port.private_port, last: port.private_port }
    }
}

impl std::fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let range =
            if self.first == self.last { self.first.to_string() } else { format!("{}-{}", self.first, self.last) };
        match self.ip {
            "" => write!(f, "{range}/{}", self.protocol),
            ip => write!(f, "{}->{range}/{}", join(ip, &range), self.protocol),
        }
    }
}

fn join(ip: &str, port: &str) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(ip: &str, public: u16, private: u16, protocol: &str) -> Port {
        Port { ip: ip.into(), public_port: public, private_port: private, protocol: protocol.into() }
    }

    #[test]
    fn ranges() {
        let cases: [(&[Port], &str); 8] = [
            (&[], ""),
            (&[port("", 0, 80, "tcp")], "80/tcp"),
            (&[port("", 0, 81, "tcp"), port("", 0, 80, "tcp"), port("", 0, 90, "tcp")], "80-81/tcp, 90/tcp"),
            (&[port("0.0.0.0", 8080, 80, "tcp")], "0.0.0.0:8080->80/tcp"),
            (
                &[port("0.0.0.0", 80, 80, "tcp"), port("0.0.0.0", 81, 81, "tcp"), port("::", 80, 80, "tcp")],
                "0.0.0.0:80-81->80-81/tcp, [::]:80->80/tcp",
            ),
            (
                &[port("1.2.3.4", 53, 53, "udp"), port("1.2.3.4", 53, 53, "tcp")],
                "1.2.3.4:53->53/tcp, 1.2.3.4:53->53/udp",
            ),
            (&[port("0.0.0.0", 8080, 80, "tcp"), port("", 0, 443, "tcp")], "443/tcp, 0.0.0.0:8080->80/tcp"),
            (
                &[port("0.0.0.0", 8000, 80, "tcp"), port("0.0.0.0", 8001, 81, "tcp")],
                "0.0.0.0:8000->80/tcp, 0.0.0.0:8001->81/tcp",
            ),
        ];
        for (ports, want) in cases {
            assert_eq!(describe(ports), want);
        }
    }
}
