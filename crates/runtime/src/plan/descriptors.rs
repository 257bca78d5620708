//! Which descriptors a plan needs: the new process has no others.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::{GateFiles, Mount, Plan, Root, Source, Step};

/// Standard error, the highest that every process has.
const STREAMS: RawFd = 2;

impl Plan {
    /// The highest descriptor that the new process needs for its steps or gives to its program.
    pub(crate) fn highest_descriptor(&self) -> RawFd {
        let steps = self.steps.iter().flat_map(Step::descriptors);
        let gate = self.gate.iter().flat_map(|GateFiles { start, report }| [start.as_raw_fd(), report.as_raw_fd()]);
        steps.chain(gate).fold(STREAMS, RawFd::max)
    }
}

impl Step {
    /// The descriptors that it uses. Without a wildcard: a new kind of step has to say it.
    fn descriptors(&self) -> Vec<RawFd> {
        let of = |fd: &OwnedFd| vec![fd.as_raw_fd()];
        match self {
            Step::JoinCgroup(files) => files.iter().map(AsRawFd::as_raw_fd).collect(),
            Step::SetNamespace(_, fd) | Step::SetNamespacesOf(fd, _) | Step::Chroot(fd) => of(fd),
            Step::AttachRoot(root) => {
                let Root { fd, detached: _, path: _, or_over_root: _, change: _, attached: _ } = &**root;
                of(fd)
            }
            Step::Mount(mount) => {
                // What it is filled with is the parent's business.
                let Mount { source, target: _, changes: _, no_follow: _, fill: _, inside: _ } = &**mount;
                match source {
                    Source::Tree { mount, directory: _ } => of(mount),
                    Source::Context { context, attributes: _ } => of(context),
                    Source::Bind { .. } | Source::New { .. } => Vec::new(),
                }
            }
            Step::Descriptors(all) => all.iter().map(|descriptor| descriptor.fd.as_raw_fd()).collect(),
            // The last of those that the program keeps.
            Step::CloseDescriptors(first) => vec![first.saturating_sub(1).try_into().unwrap_or(RawFd::MAX)],
            Step::HideMemory
            | Step::OomScore(_)
            | Step::Rlimit(_)
            | Step::AwaitIdMaps
            | Step::BecomeRoot
            | Step::Unshare(_)
            | Step::TimeOffsets { .. }
            | Step::NewSession
            | Step::Hostname(_)
            | Step::Domainname(_)
            | Step::Loopback
            | Step::IsolateMounts
            | Step::Symlink(_)
            | Step::Device(_)
            | Step::Terminal(_)
            | Step::AwaitHooks
            | Step::Sysctl { .. }
            | Step::RemountReadonly(_)
            | Step::Mask(_)
            | Step::Readonly(_)
            | Step::MakeDirectory(_)
            | Step::EnterRoot(_)
            | Step::RootPropagation(..)
            | Step::RootReadonly
            | Step::Keyring(_)
            | Step::Personality(_)
            | Step::Scheduler(_)
            | Step::Affinity(_)
            | Step::IoPriority(..)
            | Step::MemoryPolicy(..)
            | Step::OwnStreams(_)
            | Step::NoNewPrivileges
            | Step::Seccomp(_)
            | Step::Credentials(_)
            | Step::Label(_)
            | Step::FindProgram
            | Step::Gate
            | Step::Execute => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Descriptor, Executable};
    use rustix::thread::ThreadNameSpaceType;
    use std::os::fd::AsFd;
    use teu_sys::process::{CStringArray, duplicate_from};

    fn at(number: RawFd) -> OwnedFd {
        duplicate_from(std::fs::File::open("/dev/null").unwrap().as_fd(), number).unwrap()
    }

    fn highest(steps: Vec<Step>, gate: Option<GateFiles>) -> RawFd {
        let none = || CStringArray::new(Vec::new());
        let program = Executable { name: String::new(), candidates: Vec::new(), args: none(), env: none() };
        Plan { steps, program, gate, linger: false, hold_signals: false, empty: None }.highest_descriptor()
    }

    #[test]
    fn every_descriptor_counts() {
        assert_eq!(highest(vec![Step::BecomeRoot, Step::CloseDescriptors(3)], None), 2);
        assert_eq!(highest(vec![Step::CloseDescriptors(8)], None), 7);
        let kinds: [fn(OwnedFd) -> Step; 6] = [
            |fd| Step::JoinCgroup(vec![at(5), fd]),
            |fd| Step::SetNamespace(teu_oci::runtime::NamespaceKind::Network, fd),
            |fd| Step::SetNamespacesOf(fd, ThreadNameSpaceType::PROCESS_ID),
            Step::Chroot,
            |fd| Step::Descriptors(vec![Descriptor { fd, number: 0 }]),
            |mount| {
                let source = Source::Tree { mount, directory: true };
                let target = c"mnt".to_owned();
                Step::Mount(Box::new(Mount::new(target, source)))
            },
        ];
        for kind in kinds {
            let fd = at(400);
            let number = fd.as_raw_fd();
            assert_eq!(highest(vec![kind(fd), Step::CloseDescriptors(3)], None), number);
        }
        let (start, report) = (at(300), at(400));
        let number = report.as_raw_fd();
        assert_eq!(highest(Vec::new(), Some(GateFiles { start, report })), number);
    }
}
