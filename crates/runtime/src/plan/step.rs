use std::cell::OnceCell;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::thread::{ThreadNameSpaceType, UnshareFlags};
use teu_oci::runtime::NamespaceKind;
use teu_sys::caps::{CapabilitySet, ThreadSets};
use teu_sys::mount::{Attributes, Change, Parameter, Propagation};
use teu_sys::process::CStringArray;
use teu_sys::sched::{IoClass, Scheduling};
use teu_sys::seccomp::Program;

use crate::WindowSize;

/// One thing that the new process does. Paths in the container are relative to its root.
#[derive(Debug)]
pub(crate) enum Step {
    /// Write `0` to the task files of the container's cgroup.
    JoinCgroup(Vec<OwnedFd>),
    /// Keep other processes from reading this one's memory, which is a copy of its parent's.
    HideMemory,
    /// Set `oom_score_adj` through the caller's `/proc`.
    OomScore(i32),
    /// Set a resource limit.
    Rlimit(Rlimit),
    /// Enter one namespace.
    SetNamespace(NamespaceKind, OwnedFd),
    /// Enter namespaces of another process.
    SetNamespacesOf(OwnedFd, ThreadNameSpaceType),
    /// Wait until the parent has written the id maps of the new user namespace.
    AwaitIdMaps,
    /// Become root of the user namespace.
    BecomeRoot,
    /// Make new namespaces.
    Unshare(UnshareFlags),
    /// Set the clocks' offsets of the new time namespace, and enter it.
    TimeOffsets {
        /// Lines of the file.
        lines: CString,
        /// The process must be made readable for a moment to open the file, since it is not the machine's root.
        own_user_namespace: bool,
    },
    /// Become leader of a session.
    NewSession,
    /// Set the host name.
    Hostname(CString),
    /// Set the NIS domain name.
    Domainname(CString),
    /// Bring `lo` up.
    Loopback,
    /// Keep mounts of the container from spreading to the caller's namespace.
    IsolateMounts,
    /// Attach the root file system.
    AttachRoot(Box<Root>),
    /// Attach a mount.
    Mount(Box<Mount>),
    /// Make a symbolic link, in place of what is there.
    Symlink(Symlink),
    /// Make a device node.
    Device(Device),
    /// Open a terminal and send its master to the parent.
    Terminal(Terminal),
    /// Tell the parent that it is time for the hooks before the root changes, and wait for it.
    AwaitHooks,
    /// Set a kernel parameter.
    Sysctl {
        /// Path below `/proc/sys`.
        path: CString,
        /// Value.
        value: CString,
    },
    /// Make the mount at a path read-only.
    RemountReadonly(CString),
    /// Make a path unreadable.
    Mask(CString),
    /// Make a path and all beneath read-only.
    Readonly(CString),
    /// Make the working directory if it is missing.
    MakeDirectory(CString),
    /// Make the root file system the process's root.
    EnterRoot(EnterRoot),
    /// Set the propagation of the root mount.
    RootPropagation(Propagation, bool),
    /// Make the root mount read-only.
    RootReadonly,
    /// Change to the root that another process has.
    Chroot(OwnedFd),
    /// Move to a new session keyring.
    Keyring(CString),
    /// Set the execution domain.
    Personality(u32),
    /// Set CPU scheduling.
    Scheduler(Scheduling),
    /// Set CPU affinity.
    Affinity(Box<rustix::thread::CpuSet>),
    /// Set I/O priority.
    IoPriority(IoClass, u8),
    /// Set the memory policy.
    MemoryPolicy(u32, Vec<u64>),
    /// Give the standard streams, and descriptors to preserve, their numbers.
    Descriptors(Vec<Descriptor>),
    /// Let the user that the process runs as open its standard streams again.
    OwnStreams(u32),
    /// Forgo gaining privileges by `execve`.
    NoNewPrivileges,
    /// Filter system calls.
    Seccomp(Arc<Program>),
    /// Set ids and capabilities, and go to the working directory.
    Credentials(Box<Credentials>),
    /// Set the security label for `execve`.
    Label(Label),
    /// Find the program among the candidates.
    FindProgram,
    /// Mark descriptors from this number on as closed by `execve`.
    CloseDescriptors(u32),
    /// Tell the parent that all is ready, and wait for the start.
    Gate,
    /// Execute the program.
    Execute,
}

/// A resource limit. `None`: unlimited.
#[derive(Debug, Clone)]
pub(crate) struct Rlimit {
    pub(crate) name: String,
    pub(crate) resource: rustix::process::Resource,
    pub(crate) soft: Option<u64>,
    pub(crate) hard: Option<u64>,
}

/// The root file system.
#[derive(Debug)]
pub(crate) struct Root {
    /// The detached mount; where there are none, the directory.
    pub(crate) fd: OwnedFd,
    pub(crate) detached: bool,
    /// Where hooks expect it; `/` serves where that path cannot be reached.
    pub(crate) path: Option<CString>,
    /// Whether `/` may serve: not in the caller's own mount namespace.
    pub(crate) or_over_root: bool,
    /// Made to the mount once it is attached.
    pub(crate) change: Option<Change>,
    /// The mount, if it could only be made attached. Set in the new process, whose plan is its own.
    pub(crate) attached: OnceCell<OwnedFd>,
}

/// A mount.
#[derive(Debug)]
pub(crate) struct Mount {
    pub(crate) target: CString,
    pub(crate) source: Source,
    /// Made to the mount once it is attached, as far as the parent has not made them.
    pub(crate) changes: Vec<Change>,
    /// Whether a link at the target is refused, as for `/proc` and `/sys`, which others rely on.
    pub(crate) no_follow: bool,
    /// What the parent fills a tmpfs with once it is attached, where it could not do so before.
    pub(crate) fill: Option<OwnedFd>,
    /// What a new tmpfs has in it from the beginning.
    pub(crate) inside: Vec<Inside>,
}

impl Mount {
    /// A mount as it comes.
    pub(crate) fn new(target: CString, source: Source) -> Self {
        Mount { target, source, changes: Vec::new(), no_follow: false, fill: None, inside: Vec::new() }
    }
}

/// Something at the top of a new file system.
#[derive(Debug)]
pub(crate) enum Inside {
    /// A directory of this name, with mode 0755.
    Directory(CString),
    /// A symbolic link.
    Link { name: CString, target: CString },
}

/// What is mounted.
#[derive(Debug)]
pub(crate) enum Source {
    /// A detached mount; `directory` says what kind of mount point it needs.
    Tree { mount: OwnedFd, directory: bool },
    /// A file system that the caller has made and not mounted. So mounts get their ids in the order of the configuration.
    Context { context: OwnedFd, attributes: Attributes },
    /// What a path of the caller's leads to. The process opens it itself: so mounts get their ids in the order of the
    /// configuration, which the kernel lists them in since Linux 6.8.
    Bind { path: CString, directory: bool, recursive: bool },
    /// A new file system.
    New { kind: CString, source: CString, parameters: Parameters, attributes: Attributes },
}

/// What a new file system is told, in both forms.
#[derive(Debug)]
pub(crate) struct Parameters {
    /// One by one, for `fsconfig`, if it can take them all.
    pub(crate) list: Option<Vec<Parameter>>,
    /// As one text, for `mount(2)`.
    pub(crate) data: CString,
    /// Switches of the superblock that `mount(2)` takes as flags.
    pub(crate) superblock: u32,
}

/// A symbolic link.
#[derive(Debug)]
pub(crate) struct Symlink {
    pub(crate) target: CString,
    pub(crate) parent: CString,
    pub(crate) name: CString,
}

/// A device node.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) parent: CString,
    pub(crate) name: CString,
    pub(crate) kind: rustix::fs::FileType,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A terminal to open.
#[derive(Debug)]
pub(crate) struct Terminal {
    pub(crate) size: Option<WindowSize>,
    /// Whether it appears as `/dev/console`.
    pub(crate) console: bool,
    pub(crate) owner: u32,
}

/// How the root changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnterRoot {
    /// `pivot_root`, and the old root is unmounted.
    Pivot,
    /// The mount is moved over `/`, for hosts whose root cannot be pivoted.
    Move,
    /// `chroot`, where the mount namespace is the caller's.
    Chroot,
}

/// A descriptor and the number it gets.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub(crate) fd: OwnedFd,
    pub(crate) number: i32,
}

/// Ids and capabilities.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<rustix::fs::Gid>,
    /// The user namespace forbids `setgroups`.
    pub(crate) keep_groups: bool,
    pub(crate) umask: u32,
    pub(crate) bounding: CapabilitySet,
    pub(crate) sets: ThreadSets,
    pub(crate) ambient: CapabilitySet,
    pub(crate) cwd: CString,
}

/// A security label.
#[derive(Debug)]
pub(crate) struct Label {
    /// Name in `/proc/self/attr`.
    pub(crate) attribute: CString,
    /// What is written.
    pub(crate) value: CString,
    /// The process must be made readable for a moment to open the attribute, since it is not the machine's root.
    pub(crate) own_user_namespace: bool,
}

impl Label {
    /// How an AppArmor profile for the next program is asked for.
    pub(crate) const PROFILE: &str = "exec ";

    /// Name of the AppArmor profile, if it is one. Labels of SELinux have no blanks.
    pub(crate) fn profile(&self) -> Option<&str> {
        self.value.to_str().ok()?.strip_prefix(Label::PROFILE)
    }
}

/// The program to execute.
#[derive(Debug)]
pub(crate) struct Executable {
    /// As it was asked for.
    pub(crate) name: String,
    /// Paths to try, in order.
    pub(crate) candidates: Vec<CString>,
    pub(crate) args: CStringArray,
    pub(crate) env: CStringArray,
}

/// Everything the new process does.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) program: Executable,
    pub(crate) gate: Option<GateFiles>,
    /// See [`Launch::linger`](crate::Launch::linger).
    pub(crate) linger: bool,
    /// See [`Launch::hold_signals`](crate::Launch::hold_signals).
    pub(crate) hold_signals: bool,
    /// A directory of the caller's with nothing in it, to hide others under.
    pub(crate) empty: Option<CString>,
}

/// What a process waits on that its parent does not stay for: a FIFO to read the start from, and one for what fails then.
#[derive(Debug)]
pub(crate) struct GateFiles {
    pub(crate) start: OwnedFd,
    pub(crate) report: OwnedFd,
}

impl Step {
    /// What failed, in runc's words where clients may look for them.
    pub(crate) fn describe_failure(&self, errno: Errno) -> String {
        const INIT: &str = "error during container init";
        match self {
            Step::Hostname(_) => format!("{INIT}: sethostname"),
            Step::Domainname(_) => format!("{INIT}: setdomainname"),
            Step::Sysctl { path, .. } => {
                let call = if matches!(errno, Errno::NOENT | Errno::ACCESS | Errno::ROFS) { "open" } else { "write" };
                format!("{INIT}: {call} /proc/sys/{}", path.to_string_lossy())
            }
            // The ids were checked before: what is not there is the directory.
            Step::Credentials(to)
                if matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP | Errno::NAMETOOLONG) =>
            {
                format!("chdir to cwd ({:?}) set in config.json failed", to.cwd.to_string_lossy())
            }
            other => other.describe(),
        }
    }

    /// What the step does, for messages.
    pub(crate) fn describe(&self) -> String {
        let show = |text: &CString| text.to_string_lossy().into_owned();
        match self {
            Step::JoinCgroup(_) => "join the container's cgroup".into(),
            Step::HideMemory => "make the process undumpable".into(),
            Step::OomScore(value) => format!("set oom_score_adj to {value}"),
            Step::Rlimit(limit) => format!("set {}", limit.name),
            Step::SetNamespace(kind, _) => format!("join the {kind} namespace"),
            Step::SetNamespacesOf(..) => "join the container's namespaces".into(),
            Step::AwaitIdMaps => "wait for the id maps".into(),
            Step::BecomeRoot => "become root of the user namespace".into(),
            Step::Unshare(flags) => format!("make new namespaces ({flags:?})"),
            Step::TimeOffsets { .. } => "set the time namespace's offsets".into(),
            Step::NewSession => "make a session".into(),
            Step::Hostname(name) => format!("set the host name to {:?}", show(name)),
            Step::Domainname(name) => format!("set the domain name to {:?}", show(name)),
            Step::Loopback => "bring the loopback interface up".into(),
            Step::IsolateMounts => "stop mounts from spreading to the host".into(),
            Step::AttachRoot(_) => "attach the root file system".into(),
            Step::Mount(mount) => mount.describe(),
            Step::Symlink(link) => format!("link /{}/{}", show(&link.parent), show(&link.name)),
            Step::Device(device) => format!("make device /{}/{}", show(&device.parent), show(&device.name)),
            Step::Terminal(_) => "open a terminal in /dev/pts".into(),
            Step::AwaitHooks => "wait for the hooks".into(),
            Step::Sysctl { path, value } => format!("set {} to {:?}", show(path).replace('/', "."), show(value)),
            Step::RemountReadonly(path) => format!("make the mount at /{} read-only", show(path)),
            Step::Mask(path) => format!("mask /{}", show(path)),
            Step::Readonly(path) => format!("make /{} read-only", show(path)),
            Step::MakeDirectory(path) => format!("make the working directory /{}", show(path)),
            Step::EnterRoot(_) => "enter the root file system".into(),
            Step::RootPropagation(..) => "set the root mount's propagation".into(),
            Step::RootReadonly => "make the root mount read-only".into(),
            Step::Chroot(_) => "change to the container's root".into(),
            Step::Keyring(name) => format!("join the session keyring {}", show(name)),
            Step::Personality(_) => "set the personality".into(),
            Step::Scheduler(_) => "set the scheduler".into(),
            Step::Affinity(_) => "set the CPU affinity".into(),
            Step::IoPriority(..) => "set the I/O priority".into(),
            Step::MemoryPolicy(..) => "set the memory policy".into(),
            Step::Descriptors(_) => "place descriptors".into(),
            Step::OwnStreams(_) => "give the standard streams to the user".into(),
            Step::NoNewPrivileges => "set no-new-privileges".into(),
            Step::Seccomp(_) => "install the system call filter".into(),
            Step::Credentials(to) => {
                format!("become uid {} gid {} in {:?}", to.uid, to.gid, to.cwd.to_string_lossy())
            }
            Step::Label(label) => match label.profile() {
                Some(profile) => format!("apply AppArmor profile {profile:?}"),
                None => format!("set the security label {:?}", show(&label.value)),
            },
            Step::FindProgram | Step::Execute => "execute the program".into(),
            Step::CloseDescriptors(_) => "close descriptors".into(),
            Step::Gate => "wait for the start".into(),
        }
    }
}

impl Mount {
    fn describe(&self) -> String {
        let target = self.target.to_string_lossy();
        match &self.source {
            Source::Tree { .. } | Source::Bind { .. } => format!("bind mount on /{target}"),
            Source::Context { .. } => format!("mount on /{target}"),
            Source::New { kind, .. } => format!("mount {} on /{target}", kind.to_string_lossy()),
        }
    }
}
