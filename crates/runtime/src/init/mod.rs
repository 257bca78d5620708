//! What runs in the new process: the steps of a plan, by system calls only.
//!
//! Nothing here allocates, locks or panics on purpose. The process is a copy of its parent, which may hold any lock at the
//! moment of the clone.

mod credentials;
mod devices;
mod masks;
mod mounts;
mod namespaces;
mod path;
mod root;
mod streams;

pub(crate) use credentials::become_root;

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::DumpableBehavior;
use teu_sys::mount::{self, Attributes};

use crate::channel::{self, Kind};
use crate::plan::{Mount, Plan, Step};

/// How long a process that is never going to be started may be found, in seconds.
const LINGER: i64 = 10;

/// A new process at work.
pub(crate) struct Init<'p> {
    plan: &'p Plan,
    /// To the parent, while there is one.
    channel: BorrowedFd<'p>,
    /// Index of the step at work.
    current: u32,
    /// Whether the parent has been told that all is ready.
    past_gate: bool,
    /// The container's root.
    root: Option<BorrowedFd<'p>>,
    /// A procfs that nobody else has touched.
    proc: Option<OwnedFd>,
    /// Where the last device or link was made: the next is mostly there, too.
    directory: Option<(&'p CStr, OwnedFd)>,
    /// The directory that hides others, once it is attached somewhere.
    masked_directory: Option<OwnedFd>,
    /// What the kernel said about a refused mount.
    log: teu_sys::mount::Log,
    /// The candidate that was found to be executable.
    program: usize,
}

/// Runs a plan. Returns only on failure, after the parent has been told.
pub(crate) fn run(plan: &Plan, channel: BorrowedFd<'_>) -> i32 {
    teu_sys::signal::reset();
    if plan.linger {
        // It may be on record from now on. Refused by a filter: its exit is taken for the program's then.
        let _ = rustix::thread::set_name(c"teu:created");
    }
    if plan.hold_signals {
        teu_sys::signal::block();
    }
    let mut init = Init {
        plan,
        channel,
        current: 0,
        past_gate: false,
        root: None,
        proc: None,
        directory: None,
        masked_directory: None,
        log: teu_sys::mount::Log::default(),
        program: 0,
    };
    // What is made has the mode that it is made with. The program's own comes with its credentials.
    rustix::process::umask(Mode::empty());
    if !mount::api().detached && plan.steps.iter().any(|s| matches!(s, Step::Sysctl { .. } | Step::Label(_))) {
        init.proc = open_proc().ok();
    }
    for step in &plan.steps {
        if let Err(errno) = init.run(step) {
            init.fail(errno);
            break;
        }
        init.current += 1;
    }
    1
}

impl<'p> Init<'p> {
    fn run(&mut self, step: &'p Step) -> Result<(), Errno> {
        if !matches!(step, Step::Symlink(_) | Step::Device(_)) {
            // Something may be mounted there now.
            self.directory = None;
        }
        match step {
            Step::JoinCgroup(files) => namespaces::join_cgroup(files),
            Step::HideMemory => rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable),
            Step::OomScore(score) => credentials::set_oom_score(*score),
            Step::Rlimit(limit) => credentials::set_limit(limit),
            Step::SetNamespace(kind, fd) => namespaces::join(*kind, fd.as_fd()),
            Step::SetNamespacesOf(pidfd, flags) => namespaces::join_all_of(pidfd.as_fd(), *flags),
            Step::AwaitIdMaps => self.ask(Kind::IdMaps),
            Step::BecomeRoot => credentials::become_root(),
            Step::Unshare(flags) => namespaces::unshare(*flags),
            Step::TimeOffsets { lines, own_user_namespace } => {
                namespaces::enter_time_namespace(lines, *own_user_namespace)
            }
            Step::NewSession => rustix::process::setsid().map(|_| ()),
            Step::Hostname(name) => rustix::system::sethostname(name.to_bytes()),
            Step::Domainname(name) => rustix::system::setdomainname(name.to_bytes()),
            Step::Loopback => teu_sys::loopback::bring_up(),
            Step::IsolateMounts => root::isolate(),
            Step::AttachRoot(root) => {
                self.root = Some(root::attach(root)?);
                Ok(())
            }
            Step::Mount(mount) => self.mount(mount),
            Step::Symlink(link) => devices::symlink(self.directory(&link.parent)?, link),
            Step::Device(device) => devices::make(self.directory(&device.parent)?, device),
            Step::Terminal(terminal) => streams::open_terminal(self.root, terminal, self.channel),
            Step::AwaitHooks => self.ask(Kind::Hooks),
            Step::Sysctl { path, value } => masks::write_sysctl(self.proc()?, path, value),
            Step::RemountReadonly(path) => masks::remount_readonly(self.root()?, path),
            Step::Mask(path) => masks::mask(self.root()?, path, self.plan.empty.as_deref(), &mut self.masked_directory),
            Step::Readonly(path) => masks::make_readonly(self.root()?, path),
            Step::MakeDirectory(path) => path::make_directories(self.root()?, path).map(|_| ()),
            Step::EnterRoot(how) => root::enter(self.root()?, *how),
            Step::RootPropagation(propagation, recursive) => {
                teu_sys::mount::set_propagation(c"/", *propagation, *recursive)
            }
            Step::RootReadonly => root::make_readonly(self.root()?),
            Step::Chroot(dir) => root::enter_other(dir.as_fd()),
            Step::Keyring(name) => credentials::join_keyring(name),
            Step::Personality(persona) => teu_sys::sched::set_personality(*persona),
            Step::Scheduler(scheduling) => teu_sys::sched::set(scheduling),
            Step::Affinity(cpus) => rustix::thread::sched_setaffinity(None, cpus),
            Step::IoPriority(class, priority) => teu_sys::sched::set_io_priority(*class, *priority),
            Step::MemoryPolicy(mode, nodes) => teu_sys::sched::set_memory_policy(*mode, nodes),
            Step::Descriptors(descriptors) => streams::place(descriptors),
            Step::OwnStreams(uid) => streams::own(*uid),
            Step::NoNewPrivileges => rustix::thread::set_no_new_privs(true),
            Step::Seccomp(program) => self.install_filter(program),
            Step::Credentials(credentials) => credentials::set(credentials),
            Step::Label(label) => credentials::set_label(self.proc()?, label),
            Step::FindProgram => self.find_program(),
            Step::CloseDescriptors(first) => teu_sys::process::close_on_exec_from(*first),
            Step::Gate => self.wait_for_start(),
            Step::Execute => self.execute(),
        }
    }

    fn root(&self) -> Result<BorrowedFd<'p>, Errno> {
        self.root.ok_or(Errno::BADF)
    }

    /// A directory in the root, made if it is missing.
    fn directory(&mut self, path: &'p CStr) -> Result<BorrowedFd<'_>, Errno> {
        if self.directory.as_ref().is_none_or(|(last, _)| *last != path) {
            self.directory = Some((path, path::make_directories(self.root()?, path)?));
        }
        self.directory.as_ref().map(|(_, opened)| opened.as_fd()).ok_or(Errno::BADF)
    }

    /// A procfs: the container's, held since it was mounted, so that no image and no later mount decides what is found
    /// there (what is mounted over a part of it is an error); without one, a new one. Where mounts cannot be detached, it is
    /// the caller's, opened before the container's mounts were entered.
    fn proc(&mut self) -> Result<BorrowedFd<'_>, Errno> {
        if self.proc.is_none() && mount::api().detached {
            let attributes = Attributes::NOSUID | Attributes::NODEV | Attributes::NOEXEC;
            self.proc = Some(mount::new_filesystem(c"proc", Some(c"proc"), &[], attributes, &mut self.log)?);
        }
        self.proc.as_ref().map(AsFd::as_fd).ok_or(Errno::BADF)
    }

    /// Tells the parent something and waits for it.
    fn ask(&self, kind: Kind) -> Result<(), Errno> {
        channel::send(self.channel, kind, self.current, 0, b"", None)?;
        self.wait()
    }

    /// Waits for the parent; without one there is nothing left to do. Whoever waits is known to `Plan::asks`.
    fn wait(&self) -> Result<(), Errno> {
        if channel::wait(self.channel) { Ok(()) } else { self.leave() }
    }

    /// Ends a process that nobody is going to start.
    fn leave(&self) -> ! {
        if self.plan.linger {
            linger();
        }
        teu_sys::process::exit(1)
    }

    fn mount(&mut self, mount: &Mount) -> Result<(), Errno> {
        let root = self.root()?;
        if let Some(proc) = mounts::mount(root, mount, &mut self.log)? {
            self.proc = Some(proc);
        }
        if mount.fill.is_none() {
            return Ok(());
        }
        let made = path::open(root, &mount.target)?;
        channel::send(self.channel, Kind::Fill, self.current, 0, b"", Some(made.as_fd()))?;
        self.wait()
    }

    fn wait_for_start(&mut self) -> Result<(), Errno> {
        channel::send(self.channel, Kind::Ready, self.current, 0, b"", None)?;
        let started = match &self.plan.gate {
            None => channel::wait(self.channel),
            Some(files) => channel::wait(&files.start),
        };
        if !started {
            self.leave();
        }
        self.past_gate = true;
        Ok(())
    }

    fn install_filter(&self, program: &teu_sys::seccomp::Program) -> Result<(), Errno> {
        match teu_sys::seccomp::install(program)? {
            Some(listener) => channel::send(self.channel, Kind::Listener, self.current, 0, b"", Some(listener.as_fd())),
            None => Ok(()),
        }
    }

    /// Takes the first candidate that is a file this process may execute. Whether it *can* be executed, the kernel says.
    fn find_program(&mut self) -> Result<(), Errno> {
        let mut error = Errno::NOENT;
        for (index, candidate) in self.plan.program.candidates.iter().enumerate() {
            match check_executable(candidate) {
                Ok(()) => {
                    self.program = index;
                    return Ok(());
                }
                // It counts where there is one candidate only: a search is told of none of its reasons.
                Err(errno) => error = errno,
            }
        }
        Err(error)
    }

    fn execute(&self) -> Result<(), Errno> {
        let program = &self.plan.program;
        let path = program.candidates.get(self.program).ok_or(Errno::NOENT)?;
        Err(teu_sys::process::execve(path, &program.args, &program.env))
    }

    fn fail(&self, errno: Errno) {
        let errno = errno.raw_os_error();
        match (&self.plan.gate, self.past_gate) {
            (Some(files), true) => {
                // Who starts the container has no plan: it is told how many steps were left.
                let left = self.plan.steps.len() - 1 - usize::try_from(self.current).unwrap_or(0);
                channel::report(files.report.as_fd(), u32::try_from(left).unwrap_or(0), errno);
            }
            _ => {
                let told = channel::send(self.channel, Kind::Failed, self.current, errno, self.log.message(), None);
                if told.is_err() {
                    self.leave();
                }
            }
        }
    }
}

/// Gives the parent's successor time to see that the program has never run. Until then the parent's descriptors are here as
/// well, its lock and its connections among them: with them open, nobody would notice its death.
fn linger() {
    // Without the name, its exit is taken for the program's: no worse than at once.
    if rustix::thread::set_name(c"teu:abandoned").is_ok() {
        teu_sys::process::sleep_alone(LINGER, 1);
    }
}

/// The procfs at `/proc`, if it is one.
fn open_proc() -> Result<OwnedFd, Errno> {
    use rustix::fs::{CWD, Mode, OFlags};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let proc = rustix::fs::openat(CWD, c"/proc", flags, Mode::empty())?;
    let own = rustix::fs::fstatfs(&proc)?.f_type == rustix::fs::PROC_SUPER_MAGIC;
    if own { Ok(proc) } else { Err(Errno::NODEV) }
}

/// Whether this process may execute a file. Its filter is in force already and may know nothing of the calls that ask for
/// it: then a refusal says nothing about the file, and `execve` will.
fn check_executable(path: &std::ffi::CStr) -> Result<(), Errno> {
    use rustix::fs::{Access, AtFlags, CWD, FileType, accessat};
    match rustix::fs::stat(path) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_dir() => return Err(Errno::ISDIR),
        Ok(_) | Err(Errno::NOSYS | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    let refused = |errno: &Errno| matches!(*errno, Errno::NOSYS | Errno::PERM);
    match accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS) {
        // Flags take Linux 5.8. Without them the real ids count, which are the effective ones here.
        Err(errno) if refused(&errno) => match accessat(CWD, path, Access::EXEC_OK, AtFlags::empty()) {
            Err(errno) if refused(&errno) => Ok(()),
            other => other,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use teu_sys::process::{CStringArray, CloneFlags, spawn};

    use super::*;
    use crate::plan::Executable;
    use crate::{ABANDONED, CREATED};

    fn plan(steps: Vec<Step>, linger: bool) -> Plan {
        let nothing = || CStringArray::new(Vec::new());
        let program = Executable { name: String::new(), candidates: Vec::new(), args: nothing(), env: nothing() };
        Plan { steps, program, gate: None, linger, hold_signals: false, empty: None }
    }

    fn name(pid: i32) -> String {
        fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned()
    }

    fn until_named(pid: i32, expected: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while name(pid) != expected {
            assert!(Instant::now() < deadline, "{:?} is not {expected}", name(pid));
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn end(child: &teu_sys::process::Spawned) {
        teu_sys::pidfd::send_signal(child.pidfd.as_fd(), rustix::process::Signal::KILL.as_raw()).unwrap();
        teu_sys::pidfd::wait(child.pidfd.as_fd()).unwrap();
    }

    #[test]
    fn whoever_is_alone_before_its_program_ran_says_so() {
        let file: OwnedFd = fs::File::open("/dev/null").unwrap().into();
        let fails = Step::Chroot(file);
        for step in [Step::AwaitHooks, fails, Step::Gate] {
            let plan = plan(vec![step], true);
            let (ours, theirs) = channel::pair().unwrap();
            drop(ours);
            let child = spawn(CloneFlags::empty(), None, || run(&plan, theirs.as_fd())).unwrap();
            until_named(child.pid, ABANDONED);
            end(&child);
        }
    }

    #[test]
    fn it_has_its_name_from_the_beginning() {
        let plan = plan(vec![Step::AwaitHooks], true);
        let (ours, theirs) = channel::pair().unwrap();
        let child = spawn(CloneFlags::empty(), None, || run(&plan, theirs.as_fd())).unwrap();
        assert_eq!(channel::receive(ours.as_fd()).unwrap().map(|m| m.kind), Some(Kind::Hooks));
        assert_eq!(name(child.pid), CREATED);
        end(&child);
    }

    #[test]
    fn it_is_born_with_its_name() {
        let plan = plan(vec![Step::AwaitHooks], true);
        let own = rustix::thread::name().unwrap();
        for _ in 0..50 {
            let worker = crate::spawn::start(&plan, &crate::spawn::How::default()).unwrap();
            assert_eq!(name(worker.pid), CREATED);
            worker.kill();
        }
        assert_eq!(rustix::thread::name().unwrap(), own);
    }

    #[test]
    fn without_a_successor_it_ends() {
        let plan = plan(vec![Step::Gate], false);
        let (ours, theirs) = channel::pair().unwrap();
        drop(ours);
        let child = spawn(CloneFlags::empty(), None, || run(&plan, theirs.as_fd())).unwrap();
        assert_eq!(teu_sys::pidfd::wait(child.pidfd.as_fd()).unwrap(), teu_sys::pidfd::ExitStatus::Exited(1));
    }
}
