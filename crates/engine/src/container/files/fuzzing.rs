//! Fuzz target: `/etc/resolv.conf` and `/etc/hosts`.

use teu_api::container::HostConfig;

use super::{hosts, resolv};

/// A file of the host's, and entries of `--add-host`, one a line: what containers get has lines of its own form only.
pub(in crate::container) fn name_services(text: &str) {
    let resolver = resolv::parse(text);
    let rendered = resolver.render();
    assert_eq!(resolv::parse(&rendered), resolver, "{rendered:?}");
    if hosts::check_extra_host(text).is_ok() {
        let host = HostConfig { extra_hosts: Some(vec![text.to_owned()]), ..HostConfig::default() };
        let lines = hosts::extra(&host, Some(std::net::Ipv4Addr::LOCALHOST.into()));
        assert_eq!(lines.lines().count(), 1, "{lines:?}");
    }
}
