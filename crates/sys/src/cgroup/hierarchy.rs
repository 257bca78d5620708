//! What the machine has mounted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::devices::FilterCache;
use super::{Controller, Error, Result, file};

/// Which version of cgroups the machine uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Hierarchies per controller only.
    V1,
    /// Hierarchies per controller, and a v2 hierarchy beside them.
    Hybrid,
    /// One unified hierarchy.
    V2,
}

/// What the machine has mounted: read once, used for every group. Clones share it.
#[derive(Clone, Debug)]
pub struct Hierarchy {
    pub(super) mounts: Arc<[Mount]>,
    /// Loaded device filters of v2, by their rules.
    pub(super) filters: Arc<FilterCache>,
}

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Where it is mounted.
    pub(super) path: PathBuf,
    /// Which group of the hierarchy is at that place: `/`, but for bind mounts in a container.
    pub(super) root: String,
    /// Controllers it carries.
    pub(super) controllers: ControllerSet,
    /// The middle field of this hierarchy's line in `/proc/<pid>/cgroup`, its words sorted: empty for v2.
    pub(super) label: String,
    /// Whether it is the unified hierarchy.
    pub(super) v2: bool,
}

/// A set of controllers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ControllerSet(u16);

impl ControllerSet {
    pub(super) fn has(self, controller: Controller) -> bool {
        self.0 & controller.bit() != 0
    }

    /// What is in `self` and not in `other`.
    pub(super) fn without(self, other: ControllerSet) -> ControllerSet {
        ControllerSet(self.0 & !other.0)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Controller> {
        Controller::ALL.into_iter().filter(move |c| self.has(*c))
    }

    /// From the words of `cgroup.controllers` or `cgroup.subtree_control`.
    pub(super) fn from_v2_words(text: &str) -> ControllerSet {
        text.split_whitespace().filter_map(Controller::from_v2_name).collect()
    }
}

impl FromIterator<Controller> for ControllerSet {
    fn from_iter<I: IntoIterator<Item = Controller>>(iter: I) -> Self {
        ControllerSet(iter.into_iter().fold(0, |bits, c| bits | c.bit()))
    }
}

impl Hierarchy {
    /// Reads `/proc/self/mountinfo`.
    ///
    /// # Errors
    /// [`Error::NotMounted`] if there is no cgroup file system; a read error otherwise.
    pub fn detect() -> Result<Hierarchy> {
        let path = Path::new("/proc/self/mountinfo");
        let text = file::read(path).map_err(|errno| Error::Read { file: path.to_owned(), errno })?;
        let mut mounts = parse_mountinfo(&text);
        for mount in mounts.iter_mut().filter(|m| m.v2) {
            let words = file::read(&mount.path.join("cgroup.controllers")).unwrap_or_default();
            mount.controllers = ControllerSet::from_v2_words(&words);
        }
        if mounts.is_empty() {
            return Err(Error::NotMounted);
        }
        Ok(Hierarchy { mounts: mounts.into(), filters: Arc::default() })
    }

    /// Which version.
    #[must_use]
    pub fn version(&self) -> Version {
        let v1 = self.mounts.iter().any(|m| !m.v2);
        let v2 = self.mounts.iter().any(|m| m.v2);
        match (v1, v2) {
            (false, _) => Version::V2,
            (true, true) => Version::Hybrid,
            (true, false) => Version::V1,
        }
    }

    /// Whether a controller is available at the root of any mounted hierarchy. On v2 that is so for [`Devices`] and
    /// [`Freezer`], which need none, and for [`Cpuacct`].
    ///
    /// [`Devices`]: Controller::Devices
    /// [`Freezer`]: Controller::Freezer
    /// [`Cpuacct`]: Controller::Cpuacct
    #[must_use]
    pub fn has(&self, controller: Controller) -> bool {
        self.locate(controller).is_some()
    }

    /// Where each hierarchy is mounted, and whether it is the unified one.
    pub fn mount_points(&self) -> impl Iterator<Item = (&Path, bool)> {
        self.mounts.iter().map(|m| (m.path.as_path(), m.v2))
    }

    /// Index of the mount that carries a controller.
    pub(super) fn locate(&self, controller: Controller) -> Option<usize> {
        let built_in = matches!(controller, Controller::Devices | Controller::Freezer | Controller::Cpuacct);
        let v2_only = self.version() == Version::V2;
        self.mounts.iter().position(|m| m.controllers.has(controller) || (m.v2 && v2_only && built_in))
    }

    /// Index of the unified hierarchy.
    pub(super) fn unified(&self) -> Option<usize> {
        self.mounts.iter().position(|m| m.v2)
    }
}

/// The cgroup mounts in a mount table; of a hierarchy that is mounted more than once, the first.
///
/// Format (proc(5)): `36 35 98:0 /root /mount/point options optional… - type source super_options`.
pub(super) fn parse_mountinfo(text: &str) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for line in text.lines() {
        let Some(mount) = parse_mountinfo_line(line) else { continue };
        if !mounts.iter().any(|m| m.label == mount.label) {
            mounts.push(mount);
        }
    }
    mounts
}

fn parse_mountinfo_line(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut right = right.split(' ');
    let (kind, options) = (right.next()?, right.nth(1)?);
    let mut left = left.split(' ').skip(3);
    let (root, path) = (unescape(left.next()?), PathBuf::from(unescape(left.next()?)));
    match kind {
        "cgroup2" => Some(Mount { path, root, controllers: ControllerSet::default(), label: String::new(), v2: true }),
        "cgroup" => {
            let label = hierarchy_label(options);
            let controllers = label.split(',').filter_map(Controller::from_v1_name).collect();
            (!label.is_empty()).then_some(Mount { path, root, controllers, label, v2: false })
        }
        _ => None,
    }
}

/// The words of v1 mount options that name controllers or the hierarchy, sorted.
fn hierarchy_label(options: &str) -> String {
    const FLAGS: [&str; 8] =
        ["rw", "ro", "xattr", "clone_children", "noprefix", "cpuset_v2_mode", "favordynmods", "none"];
    let mut words: Vec<&str> =
        options.split(',').filter(|word| !FLAGS.contains(word) && !word.starts_with("release_agent=")).collect();
    words.sort_unstable();
    words.join(",")
}

/// Undoes the octal escapes of a mount table.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 4).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => out.push(char::from(code)),
            None => out.push('\\'),
        }
        rest = &rest[at + if code.is_some() { 4 } else { 1 }..];
    }
    out + rest
}

/// The group of a process in each hierarchy: label and path, from `/proc/<pid>/cgroup`.
pub(super) fn parse_proc_cgroup(text: &str) -> impl Iterator<Item = (String, &str)> {
    text.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (names, path) = (fields.next()?, fields.next()?);
        let mut words: Vec<&str> = names.split(',').collect();
        words.sort_unstable();
        Some((words.join(","), path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
24 23 0:22 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
25 24 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
26 24 0:24 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/lib/x,name=systemd
27 24 0:25 /docker/ab /sys/fs/cgroup/mem\\040ory rw master:1 - cgroup cgroup rw,memory
28 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
29 24 0:25 / /elsewhere rw - cgroup cgroup rw,memory
30 24 0:27 / /proc rw - proc proc rw
";

    fn hierarchy(text: &str) -> Hierarchy {
        Hierarchy { mounts: parse_mountinfo(text).into(), filters: Arc::default() }
    }

    #[test]
    fn reads_a_hybrid_mount_table() {
        let h = hierarchy(HYBRID);
        assert_eq!(h.version(), Version::Hybrid);
        assert_eq!(h.mounts.len(), 4);
        assert_eq!(h.mounts[0].label, "cpu,cpuacct");
        assert_eq!(h.locate(Controller::Cpu), h.locate(Controller::Cpuacct));
        assert_eq!(h.mounts[1].label, "name=systemd");
        assert_eq!(h.mounts[2].path, Path::new("/sys/fs/cgroup/mem ory"));
        assert_eq!(h.mounts[2].root, "/docker/ab");
        assert!(!h.has(Controller::Freezer));
    }

    #[test]
    fn unified_has_what_needs_no_controller() {
        let h = hierarchy("28 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        assert_eq!(h.version(), Version::V2);
        assert!(h.has(Controller::Freezer) && h.has(Controller::Devices));
        assert!(!h.has(Controller::Memory));
    }

    #[test]
    fn reads_the_groups_of_a_process() {
        let text = "9:name=systemd:/a\n4:cpuacct,cpu:/b:c\n0::/d\n";
        let groups: Vec<_> = parse_proc_cgroup(text).collect();
        let expected = [("name=systemd", "/a"), ("cpu,cpuacct", "/b:c"), ("", "/d")];
        assert_eq!(groups, expected.map(|(label, path)| (label.to_owned(), path)));
    }

    #[test]
    fn unescapes_octal() {
        assert_eq!(unescape("a\\040b\\134c\\9"), "a b\\c\\9");
    }
}
