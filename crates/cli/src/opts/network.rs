//! `--network`: a name, or `name=…,alias=…,ip=…`.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};

/// A network to join, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// Name or id of the network.
    pub(crate) target: String,
    /// Further names of the container on this network.
    pub(crate) aliases: Vec<String>,
    /// Options for the network's driver.
    pub(crate) driver_options: BTreeMap<String, String>,
    /// Links to other containers, on this network.
    pub(crate) links: Vec<String>,
    /// Requested IPv4 address, or empty.
    pub(crate) ipv4: String,
    /// Requested IPv6 address, or empty.
    pub(crate) ipv6: String,
    /// Link-local addresses.
    pub(crate) link_local: Vec<String>,
    /// Requested hardware address, or empty.
    pub(crate) mac: String,
    /// The network with the highest priority gives the default gateway.
    pub(crate) gateway_priority: i64,
}

/// Parses one `--network`.
pub(crate) fn parse(text: &str) -> anyhow::Result<Attachment> {
    let mut attachment = Attachment::default();
    if !is_long(text) {
        attachment.target = text.to_owned();
        return Ok(attachment);
    }
    for field in super::keyvalue::record(text)? {
        let Some((key, value)) = field.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            bail!("invalid field {field}");
        };
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
        match key.as_str() {
            "name" => attachment.target = value.to_owned(),
            "alias" => attachment.aliases.push(value.to_owned()),
            "driver-opt" => {
                let (key, value) = driver_option(value)?;
                attachment.driver_options.insert(key, value);
            }
            "ip" => attachment.ipv4 = value.to_owned(),
            "ip6" => attachment.ipv6 = value.to_owned(),
            "mac-address" => attachment.mac = value.to_owned(),
            "link-local-ip" => attachment.link_local.push(value.to_owned()),
            "gw-priority" => {
                attachment.gateway_priority =
                    value.parse().map_err(|_| anyhow!("invalid gw-priority ({value}): invalid syntax"))?;
            }
            _ => bail!("invalid field key {key}"),
        }
    }
    if attachment.target.is_empty() {
        bail!("network name/id is not specified");
    }
    Ok(attachment)
}

/// Docker takes as long whatever contains a word, `=` and a word.
fn is_long(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.char_indices().any(|(at, c)| c == '=' && text[..at].ends_with(word) && text[at + 1..].starts_with(word))
}

fn driver_option(text: &str) -> anyhow::Result<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_ascii_lowercase(), value.trim().to_owned())),
        _ => bail!("invalid key value pair format in driver options"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(parse("bridge").unwrap().target, "bridge");
        assert_eq!(parse("container:abc").unwrap().target, "container:abc");
        let long = parse("name=net,alias=a,alias=b,ip=10.0.0.5,driver-opt=x=y,gw-priority=3").unwrap();
        assert_eq!((long.target.as_str(), long.ipv4.as_str(), long.gateway_priority), ("net", "10.0.0.5", 3));
        assert_eq!(long.aliases, ["a", "b"]);
        assert_eq!(long.driver_options["x"], "y");
        assert_eq!(parse("a=b").unwrap_err().to_string(), "invalid field key a");
        assert_eq!(parse("alias=x").unwrap_err().to_string(), "network name/id is not specified");
    }
}
