//! Making processes.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;

use super::{check, exit};
use crate::pidfd;

bitflags::bitflags! {
    /// What a new process does not share with its parent: the `CLONE_NEW*` flags, and `CLONE_PARENT`.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub struct CloneFlags: u64 {
        /// A new mount namespace.
        const NEWNS = 0x0002_0000;
        /// A new cgroup namespace.
        const NEWCGROUP = 0x0200_0000;
        /// A new UTS namespace.
        const NEWUTS = 0x0400_0000;
        /// A new IPC namespace.
        const NEWIPC = 0x0800_0000;
        /// A new user namespace.
        const NEWUSER = 0x1000_0000;
        /// A new PID namespace.
        const NEWPID = 0x2000_0000;
        /// A new network namespace.
        const NEWNET = 0x4000_0000;
        /// A new time namespace.
        const NEWTIME = 0x0000_0080;
        /// The new process is a sibling, not a child.
        const PARENT = 0x0000_8000;
    }
}

/// A process made by [`spawn`] or [`spawn_holding`].
#[derive(Debug)]
pub struct Spawned {
    /// Process id, seen from the caller.
    pub pid: i32,
    /// Its descriptor (close-on-exec).
    pub pidfd: OwnedFd,
}

/// Flag of `clone3(2)`, absent from libc for some targets.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Makes a child with `clone3(2)`, which has a copy of the caller's memory and descriptors, runs `child` and exits with its
/// result.
///
/// `cgroup` is a cgroup v2 directory that the child starts in. The child must do no more than is safe after `fork` in a
/// process with threads: make system calls, allocate nothing, take no lock. If it panics, it exits with 255.
///
/// # Errors
/// The kernel's. `EBUSY`, `EOPNOTSUPP` and `EACCES` may come from the cgroup.
pub fn spawn(flags: CloneFlags, cgroup: Option<BorrowedFd<'_>>, child: impl FnOnce() -> i32) -> io::Result<Spawned> {
    clone(flags, 0, cgroup, child)
}

/// As [`spawn`], but of a caller that has many descriptors the child has those up to `highest` only, close-on-exec as they are.
/// What lies above costs nothing, however much it is: to copy a thousand containers' descriptors, and to close them one by one
/// in `execve`, takes 0.6 ms.
///
/// The child begins in the caller's own table and takes its copy of the low part before it runs `child`; this function
/// returns after that, so that nobody sees the table shared, and nothing the caller closes is missing in the child.
///
/// To wait for that takes a quarter of a millisecond (docs/design/spawn.md). A caller that has few descriptors is spared it: the
/// child has copies of all.
///
/// # Errors
/// As [`spawn`]'s, and the kernel's for the table.
pub fn spawn_holding(
    flags: CloneFlags,
    cgroup: Option<BorrowedFd<'_>>,
    highest: RawFd,
    child: impl FnOnce() -> i32,
) -> io::Result<Spawned> {
    if !is_open(MANY) {
        return spawn(flags, cgroup, child);
    }
    let told = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    // The child says by it that it is done.
    let highest = highest.max(told.as_raw_fd());
    let spawned = clone(flags, libc::CLONE_FILES.unsigned_abs().into(), cgroup, || {
        // Nothing is opened or closed before this: it would be in the caller's table.
        let apart = take_low_part(highest);
        let word = apart.map_or_else(|errno| errno.raw_os_error().unsigned_abs().into(), |()| DONE);
        match rustix::io::write(&told, &word.to_ne_bytes()) {
            Ok(_) if apart.is_ok() => child(),
            _ => 255,
        }
    })?;
    match await_word(told.as_fd(), spawned.pidfd.as_fd()) {
        // It ended without a word, and with it its use of the table: that is told by its pidfd, as of any other.
        Ok(None | Some(DONE)) => Ok(spawned),
        Ok(Some(errno)) => Err(undo(&spawned, io::Error::from_raw_os_error(i32::try_from(errno).unwrap_or(0)))),
        Err(errno) => Err(undo(&spawned, errno.into())),
    }
}

/// Who has this descriptor has many: numbers are given lowest first.
const MANY: RawFd = 320;

fn is_open(fd: RawFd) -> bool {
    // SAFETY: no memory is passed, and nothing changes, whatever the number.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

/// What a child says that has a table of its own. No error number is as high.
const DONE: u64 = 1 << 32;

/// Leaves the table that is shared, with a copy of what it has up to `highest`.
fn take_low_part(highest: RawFd) -> Result<(), Errno> {
    let first = highest.unsigned_abs().saturating_add(1);
    // SAFETY: no memory is passed. The numbers above `highest` go in the copy alone: the caller's table is another one then,
    // or the caller has died.
    let taken = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_UNSHARE) };
    match check(taken) {
        // Before Linux 5.9, or a filter that does not know the call: then it is a copy of everything.
        Err(Errno::NOSYS | Errno::INVAL | Errno::PERM) => {
            // SAFETY: the only thread of this process leaves a table in which nothing is its own yet.
            unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FILES) }
        }
        other => other,
    }
}

/// Waits until a child has said something, or has ended.
fn await_word(told: BorrowedFd<'_>, child: BorrowedFd<'_>) -> Result<Option<u64>, Errno> {
    let mut fds = [PollFd::from_borrowed_fd(told, PollFlags::IN), PollFd::from_borrowed_fd(child, PollFlags::IN)];
    loop {
        match poll(&mut fds, None) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    let mut word = [0; 8];
    match rustix::io::read(told, &mut word) {
        Ok(_) => Ok(Some(u64::from_ne_bytes(word))),
        Err(Errno::AGAIN) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Ends a child whose table may still be the caller's.
fn undo(child: &Spawned, error: io::Error) -> io::Error {
    // Both fail only if it is gone already.
    let _ = pidfd::send_signal(child.pidfd.as_fd(), libc::SIGKILL);
    let _ = pidfd::wait(child.pidfd.as_fd());
    error
}

fn clone(
    flags: CloneFlags,
    more: u64,
    cgroup: Option<BorrowedFd<'_>>,
    child: impl FnOnce() -> i32,
) -> io::Result<Spawned> {
    let mut pidfd: i32 = -1;
    let mut args = libc::clone_args {
        flags: flags.bits() | more | u64::try_from(libc::CLONE_PIDFD).unwrap_or(0),
        pidfd: (&raw mut pidfd).addr() as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: if flags.contains(CloneFlags::PARENT) { 0 } else { libc::SIGCHLD as u64 },
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: 0,
    };
    if let Some(fd) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(fd.as_raw_fd().unsigned_abs());
    }
    // SAFETY: without `CLONE_VM` and without a stack of its own the child continues here on a copy of this stack, as after
    // `fork`. `pidfd` outlives the call; the child never returns from this function.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let _guard = ExitOnUnwind;
            exit(child())
        }
        pid => {
            let pid = i32::try_from(pid).map_err(|_| io::ErrorKind::InvalidData)?;
            // SAFETY: the kernel has stored a new descriptor that nobody else owns.
            Ok(Spawned { pid, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } })
        }
    }
}

/// Keeps a panicking child from unwinding into the copy of its parent's frames.
struct ExitOnUnwind;

impl Drop for ExitOnUnwind {
    fn drop(&mut self) {
        exit(255);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pidfd::ExitStatus;
    use crate::process::{CStringArray, execve};
    use std::sync::OnceLock;

    #[test]
    fn a_spawned_child_runs_and_is_waited_for() {
        let child = spawn(CloneFlags::empty(), None, || 9).unwrap();
        assert_eq!(pidfd::wait(child.pidfd.as_fd()).unwrap(), ExitStatus::Exited(9));
    }

    #[test]
    fn a_child_can_execute_a_program() {
        let args = CStringArray::new(vec![c"sh".into(), c"-c".into(), c"exit $CODE".into()]);
        let env = CStringArray::new(vec![c"CODE=5".into()]);
        let child = spawn(CloneFlags::empty(), None, || {
            execve(c"/bin/sh", &args, &env);
            1
        })
        .unwrap();
        assert_eq!(pidfd::wait(child.pidfd.as_fd()).unwrap(), ExitStatus::Exited(5));
    }

    #[test]
    fn a_failed_execve_says_why() {
        let none = CStringArray::new(vec![]);
        let child = spawn(CloneFlags::empty(), None, || {
            let errno = execve(c"/nonexistent", &none, &none);
            i32::from(errno != Errno::NOENT)
        })
        .unwrap();
        assert_eq!(pidfd::wait(child.pidfd.as_fd()).unwrap(), ExitStatus::Exited(0));
    }

    #[test]
    fn a_pid_namespace_makes_the_child_its_first_process() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let child = spawn(CloneFlags::NEWPID, None, || rustix::process::getpid().as_raw_pid()).unwrap();
        assert_eq!(pidfd::wait(child.pidfd.as_fd()).unwrap(), ExitStatus::Exited(1));
    }

    /// Which of these numbers are open in the child, as its exit code's bits.
    fn open_in_child(highest: RawFd, numbers: [RawFd; 3]) -> ExitStatus {
        let child = spawn_holding(CloneFlags::empty(), None, highest, || {
            let open = |index: usize| i32::from(is_open(numbers[index])) << index;
            open(0) | open(1) | open(2)
        })
        .unwrap();
        pidfd::wait(child.pidfd.as_fd()).unwrap()
    }

    #[test]
    fn a_child_has_what_it_needs_and_nothing_above() {
        let file = std::fs::File::open("/dev/null").unwrap();
        have_many();
        let low = crate::process::duplicate_from(file.as_fd(), 300).unwrap();
        let high = crate::process::duplicate_from(file.as_fd(), 600).unwrap();
        let numbers = [2, low.as_raw_fd(), high.as_raw_fd()];
        assert_eq!(open_in_child(high.as_raw_fd(), numbers), ExitStatus::Exited(0b111));
        assert_eq!(open_in_child(low.as_raw_fd(), numbers), ExitStatus::Exited(0b011));
        assert!(rustix::io::fcntl_getfd(&high).is_ok(), "what the child lets go of stays open here");
        // However low the caller puts it, the child can say that it is done.
        assert_eq!(open_in_child(-1, [numbers[2]; 3]), ExitStatus::Exited(0));
    }

    /// Makes this a process with many descriptors, for all tests and for good.
    fn have_many() {
        static MANY_OF: OnceLock<OwnedFd> = OnceLock::new();
        let file = std::fs::File::open("/dev/null").unwrap();
        MANY_OF.get_or_init(|| crate::process::duplicate_from(file.as_fd(), MANY).unwrap());
        assert!(is_open(MANY));
    }

    #[test]
    fn a_caller_with_few_descriptors_is_spared_the_wait() {
        // In a process of its own: other tests make descriptors.
        let child = spawn(CloneFlags::empty(), None, || {
            // SAFETY: the numbers from here on are nobody's in this copy of the process.
            unsafe { libc::syscall(libc::SYS_close_range, 300, u32::MAX, 0) };
            let Ok(high) = crate::process::duplicate_from(rustix::stdio::stderr(), 600) else { return 1 };
            let Ok(child) = spawn_holding(CloneFlags::empty(), None, 2, || i32::from(is_open(high.as_raw_fd()))) else {
                return 2;
            };
            i32::from(pidfd::wait(child.pidfd.as_fd()).ok() != Some(ExitStatus::Exited(1)))
        })
        .unwrap();
        assert_eq!(pidfd::wait(child.pidfd.as_fd()).unwrap(), ExitStatus::Exited(0));
    }

    #[test]
    fn what_the_caller_closes_then_is_there_in_the_child() {
        have_many();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let (number, kept) = (writer.as_raw_fd(), reader.as_raw_fd().max(writer.as_raw_fd()));
        let child = spawn_holding(CloneFlags::empty(), None, kept, || {
            // SAFETY: the child's own copy, which `writer` stands for.
            let writer = unsafe { BorrowedFd::borrow_raw(number) };
            i32::from(rustix::io::write(writer, b"x") != Ok(1))
        })
        .unwrap();
        drop(writer);
        assert_eq!(rustix::io::read(&reader, &mut [0; 2]), Ok(1));
        assert_eq!(pidfd::wait(child.pidfd.as_fd()).unwrap(), ExitStatus::Exited(0));
        assert_eq!(rustix::io::read(&reader, &mut [0; 2]), Ok(0), "nobody else has the end that was closed");
    }

    #[test]
    fn a_child_that_says_nothing_is_not_waited_for() {
        let told = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap();
        let child = spawn(CloneFlags::empty(), None, || 3).unwrap();
        assert_eq!(await_word(told.as_fd(), child.pidfd.as_fd()), Ok(None));
        assert_eq!(pidfd::wait(child.pidfd.as_fd()).unwrap(), ExitStatus::Exited(3));
    }
}
