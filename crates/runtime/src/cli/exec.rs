use std::os::fd::AsFd;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use teu_oci::runtime::{Process, Status};
use teu_sys::cgroup::{Cgroup, Hierarchy, Version};

use super::arguments::{Exec, Global};
use super::create::{inherited, warn_of_capabilities, write_pid};
use super::{console, foreground, log};
use crate::container::{Condition, Container, Store, read_process};
use crate::{ExecRequest, Running, Stdio};

/// Exit code of an `exec` that did not get to execute anything, as runc has it.
const FAILED: u8 = 255;

/// `exec`
pub(super) fn run(global: &Global, args: &Exec) -> Result<ExitCode> {
    match execute(global, args) {
        Err(e) if super::exit_code(&e) == 1 => {
            log::error(global, &e.context("exec failed"));
            Ok(ExitCode::from(FAILED))
        }
        other => other,
    }
}

fn execute(global: &Global, args: &Exec) -> Result<ExitCode> {
    let store = Store::new(&global.root);
    let container = store.open(&args.id)?;
    let record = &container.record;
    let Condition::Alive(pidfd) = record.condition() else { bail!("cannot exec in a stopped container") };
    if container.status() == Status::Paused && !args.ignore_paused {
        bail!("cannot exec in a paused container (use --ignore-paused to override)");
    }
    let process = process(&container, args)?;
    match (process.terminal, args.detach, &args.console_socket) {
        (true, true, None) => bail!("a terminal needs --console-socket with --detach"),
        (false, _, Some(_)) => bail!("--console-socket is given, but no terminal is asked for"),
        _ => {}
    }
    warn_of_capabilities(global, Some(&process));
    if let Some(initial) = process.exec_cpu_affinity.as_ref().map(|a| &a.initial).filter(|i| !i.is_empty()) {
        log::debug(global, &format!("affinity: {}", crate::plan::kernel::mask(initial)?));
    }
    let mut spec = record.spec.clone();
    spec.process = Some(process);
    let inherit_fds = inherited(&mut spec, args.preserve_fds);
    let process = spec.process.clone().context("the process is missing")?;
    let cgroup = cgroup(&container, &args.cgroup)?;
    let filters = store.filters();
    let mut running = ExecRequest {
        stdio: if process.terminal { Stdio::Terminal { size: None } } else { Stdio::Inherit },
        cgroup: cgroup.as_ref(),
        inherit_fds,
        filter_cache: Some(&filters),
        chroot: record.no_pivot,
        ..ExecRequest::new(&record.id, record.pid, pidfd.as_fd(), &spec, &process)
    }
    .run()?;
    hand_over(args, &mut running)?;
    if args.detach {
        return Ok(ExitCode::SUCCESS);
    }
    Ok(foreground::exit_code(Some(foreground::attend(running, None)?)))
}

fn hand_over(args: &Exec, running: &mut Running) -> Result<()> {
    if let Some(socket) = &args.console_socket {
        let master = running.take_console().context("no terminal was opened")?;
        console::send(socket, master.as_fd())?;
    }
    if let Some(socket) = &args.pidfd_socket {
        console::send(socket, running.pidfd())?;
    }
    match &args.pid_file {
        Some(path) => write_pid(path, running.pid()),
        None => Ok(()),
    }
}

/// The process that the flags describe: a file's, or the container's own with changes.
fn process(container: &Container, args: &Exec) -> Result<Process> {
    let own = container.record.spec.process.clone().unwrap_or_default();
    let mut process = match &args.process {
        Some(path) => read_process(path)?,
        None => {
            ensure!(!args.command.is_empty(), "exec needs a program or --process");
            let mut process = Process { args: args.command.clone(), terminal: args.tty, ..own };
            process.console_size = None;
            process
        }
    };
    process.terminal |= args.tty;
    if let Some(cwd) = &args.cwd {
        process.cwd.clone_from(cwd);
    }
    process.env.extend(args.env.iter().cloned());
    if let Some(user) = &args.user {
        let (uid, gid) = parse_user(user)?;
        process.user.uid = uid;
        process.user.gid = gid.unwrap_or(process.user.gid);
    }
    process.user.additional_gids.extend(&args.additional_gids);
    if let Some(label) = &args.process_label {
        process.selinux_label.clone_from(label);
    }
    if let Some(profile) = &args.apparmor {
        process.apparmor_profile.clone_from(profile);
    }
    process.no_new_privileges |= args.no_new_privs;
    add_capabilities(&mut process, &args.cap);
    Ok(process)
}

fn parse_user(user: &str) -> Result<(u32, Option<u32>)> {
    let number = |text: &str| text.parse::<u32>().with_context(|| format!("user {user:?} is not uid or uid:gid"));
    match user.split_once(':') {
        Some((uid, gid)) => Ok((number(uid)?, Some(number(gid)?))),
        None => Ok((number(user)?, None)),
    }
}

/// As runc: into every set but the inheritable one, and the ambient one only for what is inheritable.
fn add_capabilities(process: &mut Process, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let sets = process.capabilities.get_or_insert_default();
    for name in names {
        for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
            if !set.contains(name) {
                set.push(name.clone());
            }
        }
    }
}

/// The container's cgroup, or one below it.
fn cgroup(container: &Container, below: &[String]) -> Result<Option<Cgroup>> {
    let Some(own) = container.cgroup()? else { return Ok(None) };
    let [path] = below else {
        ensure!(below.is_empty(), "only one --cgroup is supported");
        let v2 = own.hierarchy().version() == Version::V2;
        // On v2 the container's init may have moved into a group of its own, to be able to divide the limits.
        if v2 && own.pids().is_ok_and(|pids| pids.contains(&container.record.pid)) {
            let hierarchy = Hierarchy::detect()?;
            return Ok(Some(Cgroup::of_process(&hierarchy, container.record.pid)?));
        }
        return Ok(Some(own));
    };
    ensure!(!path.contains(':'), "--cgroup for one controller only is not supported");
    let inside = std::path::Path::new(path.trim_start_matches('/'));
    let outside = inside.components().any(|c| !matches!(c, std::path::Component::Normal(_)));
    ensure!(!outside, "--cgroup {path} is not below the container's cgroup");
    let hierarchy = Hierarchy::detect()?;
    Ok(Some(Cgroup::open(&hierarchy, &format!("{}/{}", own.path(), inside.display()))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_numbers() {
        assert_eq!(parse_user("5").unwrap(), (5, None));
        assert_eq!(parse_user("5:6").unwrap(), (5, Some(6)));
        for bad in ["", "root", "5:", "-1", "5:6:7"] {
            assert!(parse_user(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn added_capabilities_are_not_inheritable() {
        let mut process = Process::default();
        add_capabilities(&mut process, &["CAP_KILL".into()]);
        let sets = process.capabilities.unwrap();
        assert_eq!(sets.effective, ["CAP_KILL"]);
        assert!(sets.inheritable.is_empty() && sets.ambient.is_empty());
    }
}
