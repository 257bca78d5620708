//! `--docker host=…,ca=…`: where a context's engine is.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, bail};
use teu_api::client::Endpoint;

use super::store::{DOCKER, Files, Meta, Store};
use crate::config::endpoint::DEFAULT_SOCKET;
use crate::error::go_io;
use crate::opts::number;

/// What `--docker` may say, and what it means: shown by `--help`.
pub(crate) const KEYS: [(&str, &str); 6] = [
    ("from", "Copy named context's Docker endpoint configuration"),
    ("host", "Docker endpoint on which to connect"),
    ("ca", "Trust certs signed only by this CA"),
    ("cert", "Path to TLS certificate file"),
    ("key", "Path to TLS key file"),
    ("skip-tls-verify", "Skip TLS certificate validation"),
];

/// Reads one `--docker`: pairs between commas.
pub(crate) fn parse(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let pair = |pair: &str| match pair.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(anyhow!("{pair} must be formatted as key=value")),
    };
    text.split(',').map(pair).collect()
}

/// Gives a context the endpoint that `pairs` describe; answers its certificates and keys. `default` is the context
/// that is not stored.
pub(crate) fn apply(
    pairs: &[(String, String)],
    meta: &mut Meta,
    store: &Store,
    default: &Meta,
) -> anyhow::Result<Files> {
    let set = |error: anyhow::Error| anyhow!("unable to create docker endpoint config: {error:#}");
    configure(pairs, meta, store, default).map_err(set)
}

fn configure(pairs: &[(String, String)], meta: &mut Meta, store: &Store, default: &Meta) -> anyhow::Result<Files> {
    let options: BTreeMap<&str, &str> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    if let Some(unknown) = options.keys().find(|key| !KEYS.iter().any(|(known, _)| known == *key)) {
        bail!("unrecognized config key: {unknown}");
    }
    if let Some(from) = options.get("from") {
        let (source, files) = match *from {
            super::DEFAULT => (default.clone(), Files::new()),
            name => (store.get(name)?, store.files(name)?),
        };
        if let Some(endpoint) = source.endpoints.get(DOCKER) {
            meta.endpoints.insert(DOCKER.to_owned(), endpoint.clone());
        }
        return Ok(files.into_iter().filter(|(endpoint, _)| endpoint == DOCKER).collect());
    }
    let skip = options.get("skip-tls-verify").copied().unwrap_or("false");
    let skip = number::boolean(skip).map_err(|_| anyhow!("skip-tls-verify: parsing {skip:?}: invalid syntax"))?;
    let mut files = BTreeMap::new();
    for (key, file) in [("ca", "ca.pem"), ("cert", "cert.pem"), ("key", "key.pem")] {
        let Some(path) = options.get(key).filter(|path| !path.is_empty()) else { continue };
        let bytes = std::fs::read(path).map_err(|error| go_io("open", path, &error))?;
        if !bytes.windows(11).any(|bytes| bytes == b"-----BEGIN ") {
            bail!("invalid docker endpoint options: failed to retrieve context tls info: {file} seems invalid");
        }
        files.insert(file.to_owned(), bytes);
    }
    if files.contains_key("cert.pem") != files.contains_key("key.pem") {
        bail!("invalid docker endpoint options: a certificate and its key are needed both");
    }
    let host = options.get("host").copied().filter(|host| !host.is_empty());
    let host = host.map_or_else(|| format!("unix://{DEFAULT_SOCKET}"), str::to_owned);
    Endpoint::parse(&host, None).map(drop).context("unable to apply docker endpoint options")?;
    meta.set_endpoint(&host, skip);
    Ok(if files.is_empty() { Files::new() } else { Files::from([(DOCKER.to_owned(), files)]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::below(directory.path());
        let key = directory.path().join("k.pem");
        std::fs::write(&key, "-----BEGIN X-----").unwrap();
        let mut default = Meta::default();
        default.set_endpoint("unix:///d.sock", false);
        let apply = |text: &str| {
            let mut meta = Meta::default();
            let files = apply(&parse(text).unwrap(), &mut meta, &store, &default).map_err(|e| format!("{e:#}"))?;
            let host = meta.host().unwrap_or_default().to_owned();
            Ok::<_, String>((host, meta.skips_verification(), files.values().map(BTreeMap::len).sum::<usize>()))
        };
        assert_eq!(apply("host=tcp://h:1,skip-tls-verify=1"), Ok(("tcp://h:1".to_owned(), true, 0)));
        assert_eq!(apply("from=default"), Ok(("unix:///d.sock".to_owned(), false, 0)));
        let both = format!("host=tcp://h:1,cert={0},key={0}", key.display());
        assert_eq!(apply(&both), Ok(("tcp://h:1".to_owned(), false, 2)));
        let failed = "unable to create docker endpoint config: ";
        for (text, reason) in [
            ("foo=bar", "unrecognized config key: foo"),
            ("host=nope", "unable to apply docker endpoint options: unable to parse docker host `nope`"),
            ("host=tcp://h,skip-tls-verify=maybe", "skip-tls-verify: parsing \"maybe\": invalid syntax"),
            ("host=tcp://h,ca=/nonexistent", "open /nonexistent: no such file or directory"),
        ] {
            assert_eq!(apply(text), Err(format!("{failed}{reason}")), "{text}");
        }
        assert_eq!(parse("foo").unwrap_err().to_string(), "foo must be formatted as key=value");
    }
}
