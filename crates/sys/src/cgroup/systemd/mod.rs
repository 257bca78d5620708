//! systemd: cgroup paths in its form, and groups that it makes.

mod connection;
pub(crate) mod fuzzing;
mod message;
mod scope;

use std::path::Path;

use super::{Error, Result};

pub use scope::ScopeHolder;

/// `slice:prefix:name`, as `--systemd-cgroup` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemdPath {
    /// `system.slice`, `user-1000.slice`, or `-.slice` for the root.
    pub slice: String,
    /// `docker`, `libpod`, `cri-containerd`; may be empty.
    pub prefix: String,
    /// The container's id, or a slice of its own.
    pub name: String,
}

impl SystemdPath {
    /// Parses `slice:prefix:name`. An empty slice is `system.slice`.
    ///
    /// # Errors
    /// [`Error::InvalidPath`] if there are not three parts or the slice is no slice.
    pub fn parse(path: &str) -> Result<SystemdPath> {
        let invalid = |reason| Error::InvalidPath { path: path.to_owned(), reason };
        let parts: Vec<&str> = path.split(':').collect();
        let [slice, prefix, name] = parts[..] else { return Err(invalid("expected slice:prefix:name")) };
        let slice = if slice.is_empty() { "system.slice" } else { slice };
        if slice_dirs(slice).is_none() {
            return Err(invalid("the first part is not the name of a slice"));
        }
        if name.is_empty() || prefix.contains('/') || name.contains('/') {
            return Err(invalid("the last part is not the name of a unit"));
        }
        Ok(SystemdPath { slice: slice.to_owned(), prefix: prefix.to_owned(), name: name.to_owned() })
    }

    /// Name of the unit: `prefix-name.scope`, or the name itself if that is a slice.
    #[must_use]
    pub fn unit(&self) -> String {
        match (self.name.ends_with(".slice"), self.prefix.is_empty()) {
            (true, _) => self.name.clone(),
            (false, true) => format!("{}.scope", self.name),
            (false, false) => format!("{}-{}.scope", self.prefix, self.name),
        }
    }

    /// The path that systemd itself would use: `/a.slice/a-b.slice/prefix-name.scope`.
    #[must_use]
    pub fn cgroup_path(&self) -> String {
        format!("{}/{}", slice_dirs(&self.slice).unwrap_or_default(), self.unit())
    }

    /// Whether systemd runs here and so owns its groups (as sd_booted(3) finds out).
    #[must_use]
    pub fn is_booted() -> bool {
        Path::new("/run/systemd/system").is_dir()
    }
}

/// `a-b.slice` as `/a.slice/a-b.slice` (systemd.slice(5)); the root slice as nothing. `None` if it is not a slice.
fn slice_dirs(slice: &str) -> Option<String> {
    let stem = slice.strip_suffix(".slice")?;
    if stem == "-" {
        return Some(String::new());
    }
    if stem.is_empty() || stem.contains('/') || stem.split('-').any(str::is_empty) {
        return None;
    }
    let ends = stem.match_indices('-').map(|(at, _)| at).chain([stem.len()]);
    Some(ends.map(|end| format!("/{}.slice", &stem[..end])).collect())
}

/// A kernel list (`0-2,7`) as a bit mask, lowest byte first. `None` if it is not one.
fn cpu_list(list: &str) -> Option<Vec<u8>> {
    /// More processors than Linux can have.
    const MOST: usize = 1 << 13;
    let mut mask = Vec::new();
    for part in list.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= MOST {
            return None;
        }
        if mask.len() <= last / 8 {
            mask.resize(last / 8 + 1, 0);
        }
        (first..=last).for_each(|cpu| mask[cpu / 8] |= 1 << (cpu % 8));
    }
    Some(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_slices() {
        let path = |text: &str| SystemdPath::parse(text).unwrap().cgroup_path();
        assert_eq!(path("system.slice:docker:abc"), "/system.slice/docker-abc.scope");
        assert_eq!(path("a-b-c.slice:cri-containerd:x"), "/a.slice/a-b.slice/a-b-c.slice/cri-containerd-x.scope");
        assert_eq!(path(":libpod:x"), "/system.slice/libpod-x.scope");
        assert_eq!(path("-.slice::x"), "/x.scope");
        assert_eq!(path("machine.slice:p:own.slice"), "/machine.slice/own.slice");
    }

    #[test]
    fn refuses_what_is_no_slice() {
        for bad in
            ["/teu/x", "a:b", "system:docker:x", "a--b.slice:p:x", "a/b.slice:p:x", "a.slice:p:", "a.slice:p:x/y"]
        {
            assert!(SystemdPath::parse(bad).is_err(), "{bad}");
        }
    }
}
