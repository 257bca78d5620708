//! `--publish` and `--expose`.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use anyhow::{anyhow, bail};
use teu_api::container::{PortBinding, PortMap};

const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Parses `[[ip:]hostPort[-end]:]containerPort[-end][/proto]` or `target=80,published=8080,protocol=tcp` into `into`.
pub(crate) fn publish(spec: &str, into: &mut PortMap) -> anyhow::Result<()> {
    let short;
    let spec = if spec.contains('=') {
        short = long_form(spec)?;
        &short
    } else {
        spec
    };
    let (ip, host, container) = split(spec);
    let ip = address(ip)?;
    let (container, protocol) = split_protocol(container);
    if container.is_empty() {
        bail!("no port specified: {spec}<empty>");
    }
    let ports = range(container).map_err(|_| anyhow!("invalid containerPort: {container}"))?;
    let hosts = match host {
        "" => None,
        host => Some(range(host).map_err(|_| anyhow!("invalid hostPort: {host}"))?),
    };
    let single = ports.start() == ports.end();
    if let Some(hosts) = &hosts
        && !single
        && hosts.end() - hosts.start() != ports.end() - ports.start()
    {
        bail!("invalid ranges specified for container and host Ports: {container} and {host}");
    }
    let protocol = protocol.to_ascii_lowercase();
    if !PROTOCOLS.contains(&protocol.as_str()) {
        bail!("invalid proto: {protocol}");
    }
    for (offset, port) in ports.enumerate() {
        let port_on_host = match &hosts {
            None => String::new(),
            // One container port and a range of host ports: the engine takes a free one.
            Some(hosts) if single && hosts.start() != hosts.end() => format!("{}-{}", hosts.start(), hosts.end()),
            Some(hosts) => (usize::from(*hosts.start()) + offset).to_string(),
        };
        let binding = PortBinding { host_ip: ip.clone(), host_port: port_on_host };
        into.entry(format!("{port}/{protocol}")).or_default().get_or_insert_default().push(binding);
    }
    Ok(())
}

/// Parses `port[-end][/proto]` into the single ports it stands for.
pub(crate) fn expose(spec: &str) -> anyhow::Result<Vec<String>> {
    if spec.contains(':') {
        bail!("invalid port format for --expose: {spec}");
    }
    let (ports, protocol) = split_protocol(spec);
    let ports =
        range(ports).map_err(|problem| anyhow!("invalid range format for --expose: {spec}, error: {problem}"))?;
    Ok(ports.map(|port| format!("{port}/{protocol}")).collect())
}

/// Splits from the right, so that an IPv6 address may come without brackets.
fn split(spec: &str) -> (&str, &str, &str) {
    match spec.rsplit_once(':') {
        None => ("", "", spec),
        Some((left, container)) => match left.rsplit_once(':') {
            None => ("", left, container),
            Some((ip, host)) => (ip, host, container),
        },
    }
}

fn address(ip: &str) -> anyhow::Result<String> {
    let bare = match ip.strip_prefix('[') {
        Some(rest) => {
            rest.strip_suffix(']').ok_or_else(|| anyhow!("invalid IP address {ip}: missing ']' in address"))?
        }
        None => ip,
    };
    if !bare.is_empty() && bare.parse::<IpAddr>().is_err() {
        bail!("invalid IP address: {bare}");
    }
    Ok(bare.to_owned())
}

fn split_protocol(port: &str) -> (&str, &str) {
    match port.split_once('/') {
        None => (port, "tcp"),
        Some((port, "")) => (port, "tcp"),
        Some((port, protocol)) => (port, protocol),
    }
}

fn range(text: &str) -> anyhow::Result<RangeInclusive<u16>> {
    if text.is_empty() {
        bail!("empty string specified for ports");
    }
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let (start, end) = (port_number(start)?, port_number(end)?);
    if end < start {
        bail!("invalid range specified for port: {text}");
    }
    Ok(start..=end)
}

fn port_number(text: &str) -> anyhow::Result<u16> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        bail!("strconv.ParseUint: parsing {text:?}: invalid syntax");
    }
    text.parse().map_err(|_| anyhow!("strconv.ParseUint: parsing {text:?}: value out of range"))
}

/// Turns `target=80,published=8080,protocol=udp` into the short form.
fn long_form(spec: &str) -> anyhow::Result<String> {
    let (mut target, mut published, mut protocol) = ("", "", "tcp");
    for field in spec.split(',') {
        let Some((key, value)) = field.split_once('=') else {
            bail!("invalid field: {field}");
        };
        match key.to_ascii_lowercase().as_str() {
            "protocol" if PROTOCOLS.contains(&value) => protocol = value,
            "protocol" => bail!("invalid protocol value '{value}'"),
            "mode" if value == "host" || value == "ingress" => {}
            "mode" => bail!("invalid publish mode value ({value}): must be either 'ingress' or 'host'"),
            "target" => target = value,
            "published" => published = value,
            _ => bail!("invalid field key: {key}"),
        }
    }
    if target.is_empty() {
        bail!("missing mandatory field 'target'");
    }
    Ok(format!("{published}:{target}/{protocol}").trim_start_matches(':').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(spec: &str) -> String {
        let mut bindings = PortMap::new();
        match publish(spec, &mut bindings) {
            Err(problem) => format!("error: {problem}"),
            Ok(()) => bindings
                .iter()
                .flat_map(|(port, hosts)| {
                    hosts.iter().flatten().map(move |host| format!("{}|{}->{port}", host.host_ip, host.host_port))
                })
                .collect::<Vec<_>>()
                .join(" "),
        }
    }

    #[test]
    fn every_form_of_publish() {
        let cases = [
            ("80", "|->80/tcp"),
            ("8080:80", "|8080->80/tcp"),
            ("8080:80/udp", "|8080->80/udp"),
            ("127.0.0.1:8080:80", "127.0.0.1|8080->80/tcp"),
            ("127.0.0.1::80", "127.0.0.1|->80/tcp"),
            ("[::1]:8080:80/SCTP", "::1|8080->80/sctp"),
            ("::1:8080:80", "::1|8080->80/tcp"),
            ("8000-8001:80-81", "|8000->80/tcp |8001->81/tcp"),
            ("8000-8010:80", "|8000-8010->80/tcp"),
            ("80-81", "|->80/tcp |->81/tcp"),
            ("target=80,published=8080,protocol=udp", "|8080->80/udp"),
            ("target=80", "|->80/tcp"),
        ];
        for (spec, want) in cases {
            assert_eq!(published(spec), want, "{spec}");
        }
    }

    #[test]
    fn publish_errors_are_dockers() {
        let cases = [
            ("abc:80", "error: invalid hostPort: abc"),
            ("80:abc", "error: invalid containerPort: abc"),
            ("80:80:80:80:80", "error: invalid IP address: 80:80:80"),
            ("80:", "error: no port specified: 80:<empty>"),
            ("1-3:1-2", "error: invalid ranges specified for container and host Ports: 1-2 and 1-3"),
            ("80/icmp", "error: invalid proto: icmp"),
            ("70000:80", "error: invalid hostPort: 70000"),
            ("target=80,foo=bar", "error: invalid field key: foo"),
        ];
        for (spec, want) in cases {
            assert_eq!(published(spec), want, "{spec}");
        }
    }

    #[test]
    fn expose_takes_ranges() {
        assert_eq!(expose("80").unwrap(), ["80/tcp"]);
        assert_eq!(expose("80-81/udp").unwrap(), ["80/udp", "81/udp"]);
        assert_eq!(
            expose("a").unwrap_err().to_string(),
            r#"invalid range format for --expose: a, error: strconv.ParseUint: parsing "a": invalid syntax"#
        );
        assert_eq!(expose("80:80").unwrap_err().to_string(), "invalid port format for --expose: 80:80");
    }
}
