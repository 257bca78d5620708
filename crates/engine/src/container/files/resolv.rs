//! `/etc/resolv.conf`.

use std::net::{IpAddr, SocketAddr};

use teu_api::container::HostConfig;
use teu_network::ResolverConfig;

use crate::EngineConfig;

/// The host's own file.
const HOST: &str = "/etc/resolv.conf";
/// What systemd-resolved asks itself, where the host's own file names only its local stub.
const SYSTEMD: &str = "/run/systemd/resolve/resolv.conf";
/// Docker's servers for a container whose host names none that it can reach.
const FALLBACK: [&str; 2] = ["8.8.8.8", "8.8.4.4"];
/// Where the engine answers in a container's network, as in Docker.
const INTERNAL: &str = "127.0.0.11";
/// The port of name servers.
const PORT: u16 = 53;

/// The parts of the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Resolver {
    servers: Vec<String>,
    search: Vec<String>,
    options: Vec<String>,
}

/// Where a container asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On the host's network.
    Host,
    /// On a network of its own.
    Own,
    /// On a network where the engine answers.
    Names,
}

/// The file for a container: what the user asks for, else what the engine is told, else the host's.
pub(super) fn content(host: &HostConfig, config: &EngineConfig, place: Place) -> String {
    let mut own = hosts(place == Place::Own);
    if place == Place::Own {
        // A loopback address means another machine inside.
        own.servers.retain(|s| !is_loopback(s));
    }
    let mut merged = merge(own, host, config, place == Place::Host);
    if place == Place::Names {
        merged.servers = vec![INTERNAL.to_owned()];
        if !has_ndots(&merged.options) {
            // A name without a dot may be a container's: it is not looked for in other domains first.
            merged.options.push("ndots:0".to_owned());
        }
    }
    merged.render()
}

/// Whom the engine asks for a container on a network where it answers itself: the servers that the container would ask.
pub(crate) fn resolver(host: &HostConfig, config: &EngineConfig) -> ResolverConfig {
    let own = hosts(false);
    let is_given = |list: &[String]| !list.is_empty();
    // What the host's own file names is asked from there: it may be a local server.
    let inside = host.dns.as_deref().is_some_and(is_given) || is_given(&config.dns);
    let merged = merge(own, host, config, false);
    let address = |text: &String| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, PORT));
    let servers = merged.servers.iter().filter_map(address).collect();
    ResolverConfig { servers, inside, ndots: has_ndots(&merged.options) }
}

fn has_ndots(options: &[String]) -> bool {
    options.iter().any(|option| option.starts_with("ndots:"))
}

/// What the host's file says; with `real` what is behind a local stub.
fn hosts(real: bool) -> Resolver {
    let own = parse(&std::fs::read_to_string(HOST).unwrap_or_default());
    if real
        && own.servers == ["127.0.0.53"]
        && let Ok(text) = std::fs::read_to_string(SYSTEMD)
    {
        return parse(&text);
    }
    own
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

    use super::{Place, content, is_loopback, merge, parse, resolver};
    use crate::EngineConfig;

    const TEXT: &str =
        "# comment\nnameserver 127.0.0.1\nnameserver 10.0.0.2\nnameserver ::1\nsearch a.b c.d\noptions ndots:2 edns0\n";

    #[test]
    fn where_the_engine_answers() {
        let config = EngineConfig::new(PathBuf::new());
        let list = |items: &[&str]| Some(items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>());
        let host = HostConfig { dns: list(&["127.0.0.1", "::1"]), dns_search: list(&["a.b"]), ..HostConfig::default() };
        let text = content(&host, &config, Place::Names);
        assert!(text.starts_with("nameserver 127.0.0.11\nsearch a.b\noptions "), "{text}");
        assert!(text.contains("ndots:0"), "{text}");
        let others = resolver(&host, &config);
        assert!(others.inside && others.servers == [([127, 0, 0, 1], 53).into(), "[::1]:53".parse().expect("good")]);
        let dots = HostConfig { dns_options: list(&["ndots:2"]), ..host };
        assert!(content(&dots, &config, Place::Names).ends_with("options ndots:2\n"));
        assert!(resolver(&dots, &config).ndots && !resolver(&HostConfig::default(), &config).inside);
    }

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
