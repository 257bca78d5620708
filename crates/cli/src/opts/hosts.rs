//! Addresses and names: `--add-host`, `--dns`, `--mac-address`.

use std::net::IpAddr;

use anyhow::bail;

/// `name:ip` or `name=ip`, as `name:ip`. The address may be `host-gateway`; IPv6 may stand in brackets.
pub(crate) fn extra_host(text: &str) -> anyhow::Result<String> {
    let (name, ip) = match text.split_once('=').or_else(|| text.split_once(':')) {
        Some((name, ip)) if !name.is_empty() => (name, ip),
        _ => bail!("bad format for add-host: {text:?}"),
    };
    let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
    if bare != "host-gateway" && bare.parse::<IpAddr>().is_err() {
        bail!("invalid IP address in add-host: {ip:?}");
    }
    Ok(format!("{name}:{bare}"))
}

/// An IPv4 or IPv6 address in its normal form.
pub(crate) fn ip_address(text: &str) -> anyhow::Result<String> {
    match text.trim().parse::<IpAddr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) => bail!("IP address is not correctly formatted: {text}"),
    }
}

/// A domain to search names in; `.` stands for none.
pub(crate) fn dns_search(text: &str) -> anyhow::Result<String> {
    let domain = text.trim();
    if domain == "." {
        return Ok(domain.to_owned());
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let bare = domain.strip_suffix('.').unwrap_or(domain);
    if domain.len() <= 255 && bare.split('.').all(label) && bare.contains(|c: char| c.is_ascii_alphabetic()) {
        Ok(bare.to_owned())
    } else {
        bail!("{text} is not a valid domain")
    }
}

/// Whether this is a hardware address: 6, 8 or 20 octets with `:`, `-` or, in groups of four digits, `.`.
pub(crate) fn is_mac_address(text: &str) -> bool {
    let hex = |group: &str, digits: usize| group.len() == digits && group.bytes().all(|b| b.is_ascii_hexdigit());
    let pairs = |separator| {
        let groups: Vec<&str> = text.split(separator).collect();
        [6, 8, 20].contains(&groups.len()) && groups.iter().all(|group| hex(group, 2))
    };
    let quads = || {
        let groups: Vec<&str> = text.split('.').collect();
        [3, 4, 10].contains(&groups.len()) && groups.iter().all(|group| hex(group, 4))
    };
    pairs(':') || pairs('-') || quads()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        assert_eq!(extra_host("db:10.0.0.1").unwrap(), "db:10.0.0.1");
        assert_eq!(extra_host("db=::1").unwrap(), "db:::1");
        assert_eq!(extra_host("db:[::1]").unwrap(), "db:::1");
        assert_eq!(extra_host("host.docker.internal:host-gateway").unwrap(), "host.docker.internal:host-gateway");
        assert_eq!(extra_host("x").unwrap_err().to_string(), r#"bad format for add-host: "x""#);
        assert_eq!(extra_host("x:y").unwrap_err().to_string(), r#"invalid IP address in add-host: "y""#);
    }

    #[test]
    fn dns() {
        assert_eq!(ip_address(" 1.1.1.1 ").unwrap(), "1.1.1.1");
        assert_eq!(ip_address("x").unwrap_err().to_string(), "IP address is not correctly formatted: x");
        assert_eq!(dns_search("example.com").unwrap(), "example.com");
        assert_eq!(dns_search(".").unwrap(), ".");
        assert!(dns_search("a b").is_err());
    }

    #[test]
    fn mac() {
        assert!(is_mac_address("92:d0:c6:0a:29:33"));
        assert!(is_mac_address("92-d0-c6-0a-29-33"));
        assert!(is_mac_address("92d0.c60a.2933"));
        assert!(!is_mac_address("x"));
        assert!(!is_mac_address("92:d0:c6:0a:29"));
    }
}
