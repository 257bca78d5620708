//! Hooks: programs that run at points of a container's life.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::thread::ThreadNameSpaceType;
use teu_oci::runtime::{Hook, Spec, State};
use teu_sys::cgroup::Cgroup;
use teu_sys::pidfd::{self, ExitStatus};
use teu_sys::process::{CStringArray, CloneFlags, execve, inherit_as, spawn};

use crate::plan::text::c_string;
use crate::{Error, ExecRequest, Stdio};

/// Where a hook runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// In the caller's namespaces.
    Runtime,
    /// In those namespaces of the container's first process in which it differs from the caller.
    Container { pid: i32, pidfd: BorrowedFd<'a> },
}

/// Runs hooks one after the other, each with the container's state on its standard input.
///
/// # Errors
/// With the first hook that fails or takes too long.
pub(crate) fn run(point: &'static str, hooks: &[Hook], state: &State, place: Place<'_>) -> Result<(), Error> {
    if hooks.is_empty() {
        return Ok(());
    }
    // Inside, the process has the id that the container sees.
    let pid = if let Place::Container { pid, .. } = place { inner_pid(pid) } else { state.pid };
    let text = serde_json::to_vec(&State { pid, ..state.clone() }).unwrap_or_default();
    for hook in hooks {
        run_one(hook, &text, place).map_err(|reason| Error::Hook { point, path: hook.path.clone(), reason })?;
    }
    Ok(())
}

fn run_one(hook: &Hook, state: &[u8], place: Place<'_>) -> Result<(), String> {
    if !hook.path.is_absolute() {
        return Err("the path is not absolute".into());
    }
    if hook.timeout.is_some_and(|t| t <= 0) {
        return Err("the timeout is not positive".into());
    }
    let process = start(hook, state, place).map_err(|e| e.to_string())?;
    finish(process.as_fd(), hook.timeout)
}

fn finish(process: BorrowedFd<'_>, timeout: Option<i64>) -> Result<(), String> {
    if !ends_within(process, timeout).map_err(|e| e.to_string())? {
        // Killed and reaped, whatever it did meanwhile.
        let _ = pidfd::send_signal(process, 9);
        let _ = pidfd::wait(process);
        return Err(format!("it did not end within {} s", timeout.unwrap_or(0)));
    }
    match pidfd::wait(process).map_err(|e| e.to_string())? {
        ExitStatus::Exited(0) => Ok(()),
        ExitStatus::Exited(EXEC_FAILED) => Err("it could not be executed".into()),
        ExitStatus::Exited(code) => Err(format!("exit status {code}")),
        ExitStatus::Signaled(signal) => Err(format!("killed by signal {signal}")),
    }
}

/// The id that a process has in its own PID namespace: the last of the line `NSpid` (proc_pid_status(5)).
fn inner_pid(pid: i32) -> i32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("NSpid:"));
    line.and_then(|l| l.split_whitespace().last()?.parse().ok()).unwrap_or(pid)
}

/// Exit code of a hook that could not be executed, as shells have it.
const EXEC_FAILED: i32 = 127;

fn start(hook: &Hook, state: &[u8], place: Place<'_>) -> io::Result<OwnedFd> {
    let invalid = |e: Error| io::Error::new(io::ErrorKind::InvalidInput, e.to_string());
    let path = c_string(hook.path.as_os_str().as_bytes(), "a hook's path").map_err(invalid)?;
    let strings = |list: &[String]| -> Result<Vec<CString>, Error> {
        list.iter().map(|s| c_string(s, "a hook's argument")).collect()
    };
    let mut args = strings(&hook.args).map_err(invalid)?;
    if args.is_empty() {
        args.push(path.clone());
    }
    let args = CStringArray::new(args);
    // A hook without an environment has the runtime's, as with runc: hooks rely on its PATH.
    let env = match hook.env.is_empty() {
        true => crate::plan::text::inherited_environment().map_err(invalid)?,
        false => strings(&hook.env).map_err(invalid)?,
    };
    let env = CStringArray::new(env);
    let input = memory_file(state)?;
    let (flags, root) = namespaces(place)?;
    let child = spawn(CloneFlags::empty(), None, || {
        if let Place::Container { pidfd, .. } = place {
            let joined = flags.is_empty() || rustix::thread::move_into_thread_name_spaces(pidfd, flags).is_ok();
            let entered = root
                .as_ref()
                .is_none_or(|r| rustix::process::fchdir(r).and_then(|()| rustix::process::chroot(c".")).is_ok());
            if !joined || !entered {
                return EXEC_FAILED;
            }
        }
        if inherit_as(input.as_fd(), 0).is_ok() && teu_sys::process::close_on_exec_from(3).is_ok() {
            execve(&path, &args, &env);
        }
        EXEC_FAILED
    })?;
    Ok(child.pidfd)
}

fn namespaces(place: Place<'_>) -> io::Result<(ThreadNameSpaceType, Option<OwnedFd>)> {
    let Place::Container { pid, .. } = place else { return Ok((ThreadNameSpaceType::empty(), None)) };
    let (flags, _) = crate::plan::exec::namespaces_of(pid).map_err(|e| io::Error::other(e.to_string()))?;
    let open = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(format!("/proc/{pid}/root"), open, Mode::empty())?;
    Ok((flags, Some(root)))
}

/// Runs the hooks of the container's own programs: as the container's user, with no more than its privileges, since the
/// image decides what these programs are.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_inside(hooks: &[Hook], state: &State, container: &Inside<'_>) -> Result<(), Error> {
    let state = State { pid: inner_pid(container.pid), ..state.clone() };
    let text = serde_json::to_vec(&state).unwrap_or_default();
    for hook in hooks {
        let failed = |reason: String| Error::Hook { point: "startContainer", path: hook.path.clone(), reason };
        let process = start_inside(hook, &text, container).map_err(|e| failed(e.to_string()))?;
        finish(process.as_fd(), hook.timeout).map_err(failed)?;
    }
    Ok(())
}

/// The container that hooks run inside of.
#[derive(Debug)]
pub(crate) struct Inside<'a> {
    pub(crate) id: &'a str,
    pub(crate) pid: i32,
    pub(crate) pidfd: BorrowedFd<'a>,
    pub(crate) spec: &'a Spec,
    pub(crate) cgroup: Option<&'a Cgroup>,
}

fn start_inside(hook: &Hook, state: &[u8], container: &Inside<'_>) -> Result<OwnedFd, Error> {
    let mut process = container.spec.process.clone().unwrap_or_default();
    process.args.clone_from(&hook.args);
    if !hook.env.is_empty() {
        process.env.clone_from(&hook.env);
    }
    process.terminal = false;
    let stream = |s: BorrowedFd<'_>| s.try_clone_to_owned().map_err(Error::step("duplicate a standard stream"));
    let request = ExecRequest {
        id: container.id,
        pid: container.pid,
        pidfd: container.pidfd,
        spec: container.spec,
        process: &process,
        stdio: Stdio::Fds {
            stdin: memory_file(state).map_err(Error::step("write the container's state"))?,
            stdout: stream(rustix::stdio::stdout())?,
            stderr: stream(rustix::stdio::stderr())?,
        },
        cgroup: container.cgroup,
        preserve_fds: Vec::new(),
        inherit_fds: 0,
        filter_cache: None,
        no_new_keyring: false,
        chroot: false,
        program: Some(&hook.path),
        linger: false,
    };
    request.run().map(crate::Running::into_pidfd)
}

/// A file in memory: unlike a pipe it is of any size, and nobody has to feed it.
fn memory_file(content: &[u8]) -> io::Result<OwnedFd> {
    let fd = rustix::fs::memfd_create(c"state", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut written = 0;
    while written < content.len() {
        written += rustix::io::write(&fd, &content[written..])?;
    }
    rustix::fs::seek(&fd, rustix::fs::SeekFrom::Start(0))?;
    Ok(fd)
}

fn ends_within(process: BorrowedFd<'_>, seconds: Option<i64>) -> io::Result<bool> {
    let limit = seconds.map(|s| Timespec { tv_sec: s, tv_nsec: 0 });
    loop {
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], limit.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other? > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use teu_oci::runtime::Status;

    fn state() -> State {
        State {
            oci_version: "1.2.0".into(),
            id: "hooked".into(),
            status: Status::Creating,
            pid: 1,
            bundle: "/b".into(),
            annotations: Default::default(),
        }
    }

    fn shell(script: &str, timeout: Option<i64>) -> Hook {
        Hook {
            path: "/bin/sh".into(),
            args: vec!["sh".into(), "-c".into(), script.into()],
            env: vec!["PATH=/bin:/usr/bin".into()],
            timeout,
        }
    }

    #[test]
    fn hooks_read_the_state() {
        let hook = shell("grep -q '\"id\":\"hooked\"'", None);
        run("poststop", &[hook], &state(), Place::Runtime).unwrap();
    }

    #[test]
    fn failures_name_the_point_the_path_and_the_reason() {
        let error = run("prestart", &[shell("exit 3", None)], &state(), Place::Runtime).unwrap_err();
        assert_eq!(error.to_string(), "prestart hook /bin/sh: exit status 3");
        let missing = Hook { path: "/nonexistent".into(), ..Hook::default() };
        assert!(run("prestart", &[missing], &state(), Place::Runtime).is_err());
        let relative = Hook { path: "sh".into(), ..Hook::default() };
        assert!(run("prestart", &[relative], &state(), Place::Runtime).is_err());
    }

    #[test]
    fn a_hook_that_takes_too_long_is_killed() {
        let error = run("prestart", &[shell("sleep 100", Some(1))], &state(), Place::Runtime).unwrap_err();
        assert!(error.to_string().contains("did not end within 1 s"), "{error}");
    }
}
