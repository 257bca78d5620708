//! Docker contexts: named engines.

pub(crate) mod bundle;
pub(crate) mod endpoint;
pub(crate) mod store;

use std::path::{Path, PathBuf};

use anyhow::bail;
use teu_api::client::TlsFiles;

use store::{DOCKER, Store};

/// The context that is not stored: flags, environment, defaults.
pub(crate) const DEFAULT: &str = "default";

/// Where a context's engine is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Address, as `--host` takes it.
    pub(crate) host: String,
    /// Certificates, when the context has any.
    pub(crate) tls: Option<TlsFiles>,
}

/// Looks a context up below Docker's configuration directory.
pub(crate) fn load(directory: &Path, name: &str) -> anyhow::Result<Target> {
    let store = Store::below(directory);
    let meta = store.get(name)?;
    let Some(host) = meta.host() else {
        bail!("context {name:?}: no docker endpoint");
    };
    let certificates = store.tls_folder(name).join(DOCKER);
    Ok(Target { host: host.to_owned(), tls: tls(&certificates, meta.skips_verification()) })
}

fn tls(directory: &Path, skip_verify: bool) -> Option<TlsFiles> {
    let file = |name: &str| -> Option<PathBuf> { Some(directory.join(name)).filter(|path| path.exists()) };
    let files = TlsFiles { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem"), verify: !skip_verify };
    (files.ca.is_some() || files.cert.is_some() || skip_verify).then_some(files)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::store::{Files, Meta};
    use super::*;

    #[test]
    fn contexts_are_found_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::below(directory.path());
        let mut meta = Meta { name: "remote".to_owned(), ..Meta::default() };
        meta.set_endpoint("tcp://h:2376", false);
        store.put(&meta).unwrap();
        let files = BTreeMap::from([("ca.pem".to_owned(), Vec::new())]);
        store.put_files("remote", &Files::from([(DOCKER.to_owned(), files)])).unwrap();
        let target = load(directory.path(), "remote").unwrap();
        assert_eq!(target.host, "tcp://h:2376");
        let files = target.tls.unwrap();
        assert!(files.verify && files.ca.is_some() && files.key.is_none());
        assert!(load(directory.path(), "other").unwrap_err().to_string().contains("context not found"));
    }
}
