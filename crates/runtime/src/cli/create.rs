use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use teu_oci::runtime::{Process, Spec};
use teu_sys::cgroup::Cgroup;

use super::arguments::{Create, Global};
use super::{cgroup, console, log};
use crate::container::{Bundle, Container, Gate, Record, Store, start_time};
use crate::{Created, Launch, NewNetwork, Rootfs, Stdio};

/// Who lets the container's program begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// `start`, another process.
    Gated,
    /// We, by [`Created::start`].
    Own,
}

/// `create`
pub(super) fn run(global: &Global, args: &Create) -> Result<ExitCode> {
    let bundle = Bundle::load(&args.bundle)?;
    let terminal = bundle.spec.process.as_ref().is_some_and(|p| p.terminal);
    match (terminal, &args.console_socket) {
        (true, None) => bail!("a terminal needs --console-socket to be handed over to"),
        (false, Some(_)) => bail!("--console-socket is given, but process.terminal is not set"),
        _ => {}
    }
    // Waits for `start`, which is another process.
    make(global, args, bundle, Start::Gated)?;
    Ok(ExitCode::SUCCESS)
}

/// A container made by [`make`].
#[derive(Debug)]
pub(super) struct Made {
    pub(super) container: Container,
    pub(super) created: Created,
    pub(super) cgroup: Option<Cgroup>,
}

/// Makes a container. What was made is removed if a step fails.
pub(super) fn make(global: &Global, args: &Create, bundle: Bundle, start: Start) -> Result<Made> {
    let mut spec = bundle.spec.clone();
    let inherit_fds = inherited(&mut spec, args.preserve_fds);
    warn_of_capabilities(global, spec.process.as_ref());
    let store = Store::new(&global.root);
    let directory = store.reserve(&args.id)?;
    let network = NewNetwork::begin(&bundle.spec);
    // What keeps systemd's scope alive goes once the container's first process is in it, or has failed to be.
    let (cgroup, _scope) = match cgroup::make(global, &args.id, &bundle) {
        Ok(made) => made,
        Err(e) => {
            remove_leftovers(global, &directory, None);
            return Err(e);
        }
    };
    let record = Record {
        oci_version: bundle.spec.oci_version.clone(),
        id: args.id.clone(),
        pid: 0,
        start_time: 0,
        bundle: bundle.path,
        rootfs: bundle.rootfs,
        created: jiff::Timestamp::now().to_string(),
        cgroup: cgroup.as_ref().map(|c| c.path().to_owned()),
        no_pivot: args.no_pivot,
        spec: bundle.spec,
    };
    let mut container = Container { directory, record };
    let made = Parts { spec: &spec, inherit_fds, cgroup: cgroup.as_ref(), network };
    match launch(&store, args, made, &mut container, start) {
        Ok(created) => Ok(Made { container, created, cgroup }),
        Err(e) => {
            remove_leftovers(global, &container.directory, cgroup.as_ref());
            Err(e)
        }
    }
}

/// What a container is launched with.
struct Parts<'a> {
    spec: &'a Spec,
    inherit_fds: u16,
    cgroup: Option<&'a Cgroup>,
    network: NewNetwork,
}

fn launch(store: &Store, args: &Create, parts: Parts<'_>, container: &mut Container, start: Start) -> Result<Created> {
    let filters = store.filters();
    let terminal = parts.spec.process.as_ref().is_some_and(|p| p.terminal);
    let id = container.record.id.clone();
    let bundle = container.record.bundle.clone();
    let launch = Launch {
        network: Some(parts.network),
        rootfs: Rootfs::Path(container.record.rootfs.clone()),
        stdio: if terminal { Stdio::Terminal { size: None } } else { Stdio::Inherit },
        cgroup: parts.cgroup,
        inherit_fds: parts.inherit_fds,
        filter_cache: Some(&filters),
        no_pivot: args.no_pivot,
        no_new_keyring: args.no_new_keyring,
        ..Launch::new(&id, parts.spec, &bundle, Rootfs::Path(PathBuf::new()))
    };
    let mut created = match start {
        Start::Gated => launch.create_gated(Gate::create(&container.directory)?)?,
        Start::Own if args.hands_over() => launch.create()?,
        Start::Own => return launch_at_once(launch, container),
    };
    if let Err(e) = record(container, created.pid()).and_then(|()| hand_over(args, &mut created)) {
        created.kill();
        return Err(e);
    }
    Ok(created)
}

/// Where nobody is told of the process before its program runs: it is recorded while it sets itself up, and does not wait
/// for us once it is ready.
fn launch_at_once(launch: Launch<'_>, container: &mut Container) -> Result<Created> {
    let mut begun = launch.begin()?;
    if let Err(e) = record(container, begun.pid()) {
        // It may have ended: then what it says is why.
        begun.ready()?.kill();
        return Err(e);
    }
    begun.allow_start()?;
    Ok(begun.ready()?)
}

/// Records the container's process.
fn record(container: &mut Container, pid: i32) -> Result<()> {
    container.record.start_time = start_time(pid).context("the container's process has ended")?;
    container.record.pid = pid;
    container.save()
}

/// Gives the caller what it asked to get: the terminal, the process's descriptor, its id.
fn hand_over(args: &Create, created: &mut Created) -> Result<()> {
    if let Some(socket) = &args.console_socket {
        let master = created.take_console().context("no terminal was opened")?;
        console::send(socket, master.as_fd())?;
    }
    if let Some(socket) = &args.pidfd_socket {
        console::send(socket, created.pidfd())?;
    }
    if let Some(path) = &args.pid_file {
        write_pid(path, created.pid())?;
    }
    Ok(())
}

/// Says which capabilities a process is not given.
pub(super) fn warn_of_capabilities(global: &Global, process: Option<&Process>) {
    let missing = crate::plan::capabilities::unavailable(process.and_then(|p| p.capabilities.as_ref()));
    if !missing.is_empty() {
        let list = missing.join(" ");
        log::warning(global, &format!("ignoring unknown or unavailable capabilities: [{list}]"));
    }
}

/// Writes a process id: readers see all of it or no file.
pub(super) fn write_pid(path: &Path, pid: i32) -> Result<()> {
    let name = path.file_name().with_context(|| format!("pid file {} is no file", path.display()))?;
    let temporary = path.with_file_name(format!(".{}", name.to_string_lossy()));
    std::fs::write(&temporary, pid.to_string())
        .and_then(|()| std::fs::rename(&temporary, path))
        .with_context(|| format!("write the pid file {}", path.display()))
}

/// How many descriptors to pass on: those that `--preserve-fds` counts, and those of socket activation, which the process is
/// told about as systemd does.
pub(super) fn inherited(spec: &mut Spec, count: u16) -> u16 {
    let listening = std::env::var("LISTEN_FDS").ok().and_then(|n| n.parse::<u16>().ok()).unwrap_or(0);
    if let Some(process) = spec.process.as_mut().filter(|_| listening > 0) {
        process.env.push(format!("LISTEN_FDS={listening}"));
        process.env.push("LISTEN_PID=1".into());
    }
    count.saturating_add(listening)
}

/// Whether the caller is not the machine's root, or says so.
pub(super) fn rootless(global: &Global) -> bool {
    match global.rootless.as_str() {
        "true" => true,
        "false" => false,
        _ => !rustix::process::geteuid().is_root(),
    }
}

fn remove_leftovers(global: &Global, directory: &Path, cgroup: Option<&Cgroup>) {
    if let Some(Err(e)) = cgroup.map(Cgroup::remove) {
        log::warning(global, &format!("leftover cgroup: {e}"));
    }
    if let Err(e) = std::fs::remove_dir_all(directory) {
        log::warning(global, &format!("leftover {}: {e}", directory.display()));
    }
}
