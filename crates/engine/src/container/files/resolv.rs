//! `/etc/resolv.conf`.

use std::net::IpAddr;

use teu_api::container::HostConfig;

use crate::EngineConfig;

/// The host's own file.
const HOST: &str = "/etc/resolv.conf";
/// What systemd-resolved asks itself, where the host's own file names only its local stub.
const SYSTEMD: &str = "/run/systemd/resolve/resolv.conf";
/// Docker's servers for a container whose host names none that it can reach.
const FALLBACK: [&str; 2] = ["8.8.8.8", "8.8.4.4"];

/// The parts of the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Resolver {
    servers: Vec<String>,
    search: Vec<String>,
    options: Vec<String>,
}

/// The file for a container: what the user asks for, else what the engine is told, else the host's.
pub(super) fn content(host: &HostConfig, config: &EngineConfig, host_network: bool) -> String {
    let text = std::fs::read_to_string(HOST).unwrap_or_default();
    let mut own = parse(&text);
    if !host_network {
        if own.servers == ["127.0.0.53"]
            && let Ok(text) = std::fs::read_to_string(SYSTEMD)
        {
            own = parse(&text);
        }
        // A loopback address means another machine inside.
        own.servers.retain(|s| !is_loopback(s));
    }
    merge(own, host, config, host_network).render()
}

fn merge(own: Resolver, host: &HostConfig, config: &EngineConfig, host_network: bool) -> Resolver {
    let choose = |wanted: &Option<Vec<String>>, default: &[String], own: Vec<String>| match wanted {
        Some(list) if !list.is_empty() => list.clone(),
        _ if !default.is_empty() => default.to_vec(),
        _ => own,
    };
    let mut servers = choose(&host.dns, &config.dns, own.servers);
    if servers.is_empty() && !host_network {
        servers = FALLBACK.map(str::to_owned).to_vec();
    }
    let mut search = choose(&host.dns_search, &config.dns_search, own.search);
    // `--dns-search .` asks for none.
    if search == ["."] {
        search.clear();
    }
    Resolver { servers, search, options: choose(&host.dns_options, &config.dns_options, own.options) }
}

fn is_loopback(server: &str) -> bool {
    let bare = server.split('%').next().unwrap_or(server);
    bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

pub(super) fn parse(text: &str) -> Resolver {
    let mut found = Resolver::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => found.servers.extend(words.next().map(str::to_owned)),
            Some("search" | "domain") => found.search = words.map(str::to_owned).collect(),
            Some("options") => found.options = words.map(str::to_owned).collect(),
            _ => {}
        }
    }
    found
}

impl Resolver {
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        for server in &self.servers {
            text.push_str(&format!("nameserver {server}\n"));
        }
        if !self.search.is_empty() {
            text.push_str(&format!("search {}\n", self.search.join(" ")));
        }
        if !self.options.is_empty() {
            text.push_str(&format!("options {}\n", self.options.join(" ")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use teu_api::container::HostConfig;

    use super::{is_loopback, merge, parse};
    use crate::EngineConfig;

    const TEXT: &str =
        "# comment\nnameserver 127.0.0.1\nnameserver 10.0.0.2\nnameserver ::1\nsearch a.b c.d\noptions ndots:2 edns0\n";

    #[test]
    fn user_then_engine_then_host() {
        let config = EngineConfig::new(PathBuf::new());
        let mut own = parse(TEXT);
        own.servers.retain(|s| !is_loopback(s));
        let merged = merge(own, &HostConfig::default(), &config, false);
        assert_eq!(merged.render(), "nameserver 10.0.0.2\nsearch a.b c.d\noptions ndots:2 edns0\n");
        let list = |s: &str| Some(vec![s.to_owned()]);
        let host = HostConfig { dns: list("1.1.1.1"), dns_search: list("."), ..HostConfig::default() };
        assert_eq!(merge(parse(TEXT), &host, &config, false).render(), "nameserver 1.1.1.1\noptions ndots:2 edns0\n");
        assert_eq!(merge(parse(""), &HostConfig::default(), &config, false).servers, super::FALLBACK);
        assert_eq!(merge(parse(""), &HostConfig::default(), &config, true).render(), "");
    }
}
