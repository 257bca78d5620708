//! All mounts of a new container, from every place where they can be asked for.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use teu_api::container::{Config, HostConfig};

use super::{Mount, Source, bind, clean, structured};
use crate::{Error, ids};

/// Gathers the mounts of a container: `-v`, `--mount`, `--tmpfs`, what is `inherited`, and anonymous volumes that the image or the request
/// declares where nothing else is mounted.
pub(crate) fn plan(config: &Config, host: &HostConfig, inherited: Vec<Mount>) -> Result<Vec<Mount>, Error> {
    let mut by_destination: BTreeMap<String, Mount> = BTreeMap::new();
    let binds = host.binds.iter().flatten().map(|spec| bind::parse(spec));
    let mounts = host.mounts.iter().flatten().map(structured::parse);
    let tmpfs = host.tmpfs.iter().flatten().map(|(path, options)| temporary(path, options));
    for mount in binds.chain(mounts).chain(tmpfs) {
        let mount = mount?;
        if by_destination.contains_key(&mount.destination) {
            return Err(Error::Invalid(format!("Duplicate mount point: {}", mount.destination)));
        }
        by_destination.insert(mount.destination.clone(), mount);
    }
    for mount in inherited {
        by_destination.entry(mount.destination.clone()).or_insert(mount);
    }
    for path in config.volumes.iter().flatten().map(|(path, _)| path) {
        if !path.starts_with('/') || clean(path) == "/" {
            return Err(Error::Invalid(format!("invalid volume specification: '{path}'")));
        }
        let destination = clean(path);
        if let Entry::Vacant(free) = by_destination.entry(destination.clone()) {
            free.insert(anonymous(destination)?);
        }
    }
    // Sorted by destination: what is mounted below another mount comes after it.
    Ok(by_destination.into_values().collect())
}

fn temporary(path: &str, options: &str) -> Result<Mount, Error> {
    if !path.starts_with('/') {
        return Err(Error::Invalid(format!("invalid mount path: '{path}' mount path must be absolute")));
    }
    if clean(path) == "/" {
        return Err(Error::Invalid(format!("invalid tmpfs mount: {path}: destination can't be '/'")));
    }
    let options: Vec<String> = options.split(',').filter(|o| !o.is_empty()).map(str::to_owned).collect();
    Ok(Mount {
        destination: clean(path),
        read_only: options.iter().any(|o| o == "ro"),
        source: Source::Tmpfs { options, implicit: true },
        mode: String::new(),
        propagation: String::new(),
    })
}

fn anonymous(destination: String) -> Result<Mount, Error> {
    Ok(Mount {
        destination,
        source: Source::Volume { name: ids::random_id()?, anonymous: true, subpath: String::new(), copy: true },
        read_only: false,
        mode: String::new(),
        propagation: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use teu_api::container::{Config, HostConfig};

    use super::super::Source;
    use super::plan;

    fn host(binds: &[&str]) -> HostConfig {
        HostConfig { binds: Some(binds.iter().map(|s| (*s).to_owned()).collect()), ..HostConfig::default() }
    }

    fn volumes(paths: &[&str]) -> Config {
        let set = paths.iter().map(|p| ((*p).to_owned(), teu_api::json::Empty {})).collect();
        Config { volumes: Some(set), ..Config::default() }
    }

    #[test]
    fn a_bind_replaces_a_declared_volume() {
        let mounts = plan(&volumes(&["/data", "/other/"]), &host(&["/src:/data"]), Vec::new()).expect("a plan");
        let found: Vec<_> =
            mounts.iter().map(|m| (m.destination.as_str(), matches!(m.source, Source::Bind { .. }))).collect();
        assert_eq!(found, [("/data", true), ("/other", false)]);
    }

    #[test]
    fn parents_come_first_and_doubles_are_refused() {
        let mounts = plan(&Config::default(), &host(&["/s:/a/b", "/s:/a"]), Vec::new()).expect("a plan");
        assert_eq!(mounts.iter().map(|m| m.destination.as_str()).collect::<Vec<_>>(), ["/a", "/a/b"]);
        let doubled = plan(&Config::default(), &host(&["/s:/a", "/t:/a/"]), Vec::new()).expect_err("a double");
        assert_eq!(doubled.to_string(), "Duplicate mount point: /a");
    }
}
