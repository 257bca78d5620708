//! Which namespaces are made, and which are joined, where.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};
use teu_oci::runtime::{Linux, NamespaceKind, Spec};
use teu_sys::process::CloneFlags;

use super::Step;
use super::text::c_string;
use crate::Error;

/// Namespaces of a new container.
#[derive(Debug)]
pub(crate) struct Namespaces {
    /// Made by `clone3`.
    pub(crate) clone: CloneFlags,
    /// Made by the child, once it is in its cgroup.
    pub(crate) later: UnshareFlags,
    /// Joined.
    pub(crate) joined: Vec<(NamespaceKind, OwnedFd)>,
    /// All kinds that are not the caller's.
    pub(crate) own: Vec<NamespaceKind>,
}

impl Namespaces {
    /// Sorts the configuration's namespaces; `given` ones are joined whatever it says about their kind.
    pub(crate) fn compile(linux: &Linux, given: Vec<(NamespaceKind, OwnedFd)>) -> Result<Self, Error> {
        let mut namespaces =
            Namespaces { clone: CloneFlags::empty(), later: UnshareFlags::empty(), joined: given, own: Vec::new() };
        for namespace in &linux.namespaces {
            let kind = namespace.kind;
            if linux.namespaces.iter().filter(|n| n.kind == kind).count() > 1 {
                return Err(Error::InvalidSpec(format!("the {kind} namespace is listed more than once")));
            }
            if namespaces.is_joined(kind) {
                continue;
            }
            match namespace.join_path() {
                Some(path) => {
                    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
                    let fd = rustix::fs::open(path, flags, Mode::empty())
                        .map_err(|e| Error::step(format!("open the {kind} namespace {}", path.display()))(e.into()))?;
                    namespaces.joined.push((kind, fd));
                }
                None => namespaces.make(kind),
            }
        }
        // The user namespace first: it gives the rights in the others.
        namespaces.joined.sort_by_key(|(kind, _)| *kind);
        namespaces.own.extend(namespaces.joined.iter().map(|(kind, _)| *kind));
        namespaces.check(linux)?;
        Ok(namespaces)
    }

    fn make(&mut self, kind: NamespaceKind) {
        self.own.push(kind);
        match kind {
            NamespaceKind::User => self.clone |= CloneFlags::NEWUSER,
            NamespaceKind::Pid => self.clone |= CloneFlags::NEWPID,
            NamespaceKind::Network => self.clone |= CloneFlags::NEWNET,
            NamespaceKind::Mount => self.clone |= CloneFlags::NEWNS,
            NamespaceKind::Ipc => self.clone |= CloneFlags::NEWIPC,
            NamespaceKind::Uts => self.clone |= CloneFlags::NEWUTS,
            NamespaceKind::Cgroup => self.later |= UnshareFlags::NEWCGROUP,
            NamespaceKind::Time => self.later |= UnshareFlags::NEWTIME,
        }
    }

    fn check(&self, linux: &Linux) -> Result<(), Error> {
        let invalid = |message: &str| Err(Error::InvalidSpec(message.into()));
        let maps = !linux.uid_mappings.is_empty() || !linux.gid_mappings.is_empty();
        if self.makes_user() && (linux.uid_mappings.is_empty() || linux.gid_mappings.is_empty()) {
            return invalid("a new user namespace needs uidMappings and gidMappings");
        }
        if maps && !self.has(NamespaceKind::User) {
            return invalid("uidMappings and gidMappings need a user namespace");
        }
        if !linux.time_offsets.is_empty() && !self.later.contains(UnshareFlags::NEWTIME) {
            return invalid("timeOffsets need a new time namespace");
        }
        if self.makes_user() && self.is_joined(NamespaceKind::Mount) {
            return invalid("a mount namespace cannot be joined from a new user namespace");
        }
        Ok(())
    }

    /// Whether the container has a namespace of this kind that is not the caller's.
    pub(crate) fn has(&self, kind: NamespaceKind) -> bool {
        self.own.contains(&kind)
    }

    /// Whether a namespace of this kind is joined.
    pub(crate) fn is_joined(&self, kind: NamespaceKind) -> bool {
        self.joined.iter().any(|(k, _)| *k == kind)
    }

    /// Whether a user namespace is made.
    pub(crate) fn makes_user(&self) -> bool {
        self.clone.contains(CloneFlags::NEWUSER)
    }

    /// Takes a namespace that is joined in another way than by the child itself.
    pub(crate) fn take(&mut self, kind: NamespaceKind) -> Option<OwnedFd> {
        let index = self.joined.iter().position(|(k, _)| *k == kind)?;
        Some(self.joined.remove(index).1)
    }

    /// Takes the namespaces that the parent enters before the clone, and leaves after it. That is how a process gets into
    /// a PID namespace; and a process in a new user namespace no longer has the rights to join the others.
    pub(crate) fn take_before_clone(&mut self) -> Vec<(NamespaceKind, OwnedFd)> {
        if self.makes_user() {
            return std::mem::take(&mut self.joined);
        }
        self.take(NamespaceKind::Pid).map(|fd| (NamespaceKind::Pid, fd)).into_iter().collect()
    }

    /// The steps that join what is left, and make what comes later.
    pub(crate) fn steps(&mut self, linux: &Linux) -> Result<Vec<Step>, Error> {
        let mut steps: Vec<Step> = self.joined.drain(..).map(|(kind, fd)| Step::SetNamespace(kind, fd)).collect();
        if !self.later.is_empty() {
            steps.push(Step::Unshare(self.later));
        }
        if self.later.contains(UnshareFlags::NEWTIME) {
            let own_user_namespace = self.has(NamespaceKind::User);
            steps.push(Step::TimeOffsets { lines: time_offsets(linux)?, own_user_namespace });
        }
        Ok(steps)
    }

    /// The steps that give the new UTS and network namespaces their contents.
    pub(crate) fn contents(&self, spec: &Spec) -> Result<Vec<Step>, Error> {
        let mut steps = Vec::new();
        if !spec.hostname.is_empty() || !spec.domainname.is_empty() {
            if !self.has(NamespaceKind::Uts) {
                return Err(Error::InvalidSpec("a host or domain name needs a UTS namespace".into()));
            }
            if !spec.hostname.is_empty() {
                steps.push(Step::Hostname(c_string(&spec.hostname, "the host name")?));
            }
            if !spec.domainname.is_empty() {
                steps.push(Step::Domainname(c_string(&spec.domainname, "the domain name")?));
            }
        }
        if self.clone.contains(CloneFlags::NEWNET) {
            steps.push(Step::Loopback);
        }
        Ok(steps)
    }
}

/// The lines of `/proc/self/timens_offsets` (time_namespaces(7)).
fn time_offsets(linux: &Linux) -> Result<std::ffi::CString, Error> {
    let mut lines = String::new();
    for (clock, offset) in &linux.time_offsets {
        if clock != "monotonic" && clock != "boottime" {
            return Err(Error::InvalidSpec(format!("timeOffsets names the unknown clock {clock:?}")));
        }
        lines.push_str(&format!("{clock} {} {}\n", offset.secs, offset.nanosecs));
    }
    c_string(lines, "time offsets")
}

/// The type that `setns(2)` checks a descriptor against.
pub(crate) fn link_type(kind: NamespaceKind) -> LinkNameSpaceType {
    match kind {
        NamespaceKind::User => LinkNameSpaceType::User,
        NamespaceKind::Pid => LinkNameSpaceType::ProcessID,
        NamespaceKind::Network => LinkNameSpaceType::Network,
        NamespaceKind::Mount => LinkNameSpaceType::Mount,
        NamespaceKind::Ipc => LinkNameSpaceType::InterProcessCommunication,
        NamespaceKind::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
        NamespaceKind::Cgroup => LinkNameSpaceType::ControlGroup,
        NamespaceKind::Time => LinkNameSpaceType::Time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use teu_oci::runtime::{IdMapping, Namespace, TimeOffset};

    fn linux(kinds: &[NamespaceKind]) -> Linux {
        Linux { namespaces: kinds.iter().map(|k| Namespace::new(*k)).collect(), ..Linux::default() }
    }

    #[test]
    fn cgroup_and_time_namespaces_come_later() {
        let made = Namespaces::compile(&linux(&[NamespaceKind::Pid, NamespaceKind::Cgroup]), vec![]).unwrap();
        assert_eq!(made.clone, CloneFlags::NEWPID);
        assert_eq!(made.later, UnshareFlags::NEWCGROUP);
    }

    #[test]
    fn given_namespaces_are_joined_and_not_made() {
        let fd = std::fs::File::open("/proc/self/ns/net").unwrap().into();
        let mut made = Namespaces::compile(
            &linux(&[NamespaceKind::Network, NamespaceKind::Mount]),
            vec![(NamespaceKind::Network, fd)],
        )
        .unwrap();
        assert_eq!(made.clone, CloneFlags::NEWNS);
        assert!(made.has(NamespaceKind::Network));
        assert!(made.take_before_clone().is_empty());
        assert_eq!(made.steps(&Linux::default()).unwrap().len(), 1);
    }

    #[test]
    fn contradictions_are_refused() {
        let twice = linux(&[NamespaceKind::Pid, NamespaceKind::Pid]);
        assert!(Namespaces::compile(&twice, vec![]).is_err());
        assert!(Namespaces::compile(&linux(&[NamespaceKind::User]), vec![]).is_err());
        let maps = Linux { uid_mappings: vec![IdMapping::default()], ..Linux::default() };
        assert!(Namespaces::compile(&maps, vec![]).is_err());
        let offsets = Linux { time_offsets: [("boottime".into(), TimeOffset::default())].into(), ..Linux::default() };
        assert!(Namespaces::compile(&offsets, vec![]).is_err());
    }

    #[test]
    fn offsets_have_a_line_per_clock() {
        let offset = TimeOffset { secs: -3, nanosecs: 5 };
        let linux = Linux { time_offsets: [("boottime".to_owned(), offset)].into(), ..Linux::default() };
        assert_eq!(time_offsets(&linux).unwrap(), c"boottime -3 5\n".to_owned());
        let linux = Linux { time_offsets: [("realtime".to_owned(), offset)].into(), ..Linux::default() };
        assert!(time_offsets(&linux).is_err());
    }
}
