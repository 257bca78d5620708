//! Engines on demand: the real executable in a [`Host`] of its own.

use crate::host::{Host, succeed};
use anyhow::{Context as _, Result};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A daemon with its keeper and containers, alone in its namespaces.
pub struct Engine {
    /// Where it runs.
    pub host: Host,
    executable: PathBuf,
    daemon: Option<Child>,
    cgroup: String,
    extra: Vec<String>,
}

impl Engine {
    /// Starts `executable daemon` and waits until it serves.
    ///
    /// # Errors
    /// When the namespaces cannot be made or the daemon ends before it is ready.
    pub fn start(executable: impl Into<PathBuf>, extra: &[&str]) -> Result<Self> {
        Self::start_on(Host::start()?, executable, extra)
    }

    /// The same on a host that was prepared: with mounts over [`Host::directory`], for example.
    ///
    /// # Errors
    /// When the daemon ends before it is ready.
    pub fn start_on(host: Host, executable: impl Into<PathBuf>, extra: &[&str]) -> Result<Self> {
        let name = host.directory().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let extra = extra.iter().map(|&argument| argument.to_owned()).collect();
        let cgroup = format!("/{name}");
        let mut engine = Self { host, executable: executable.into(), daemon: None, cgroup, extra };
        engine.start_daemon()?;
        Ok(engine)
    }

    /// Starts a daemon over the same state, after [`Engine::kill_daemon`].
    ///
    /// # Errors
    /// When it ends before it is ready.
    pub fn start_daemon(&mut self) -> Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.host.path("daemon.log"))?;
        let notify = self.host.path("notify");
        drop(std::fs::remove_file(&notify));
        let socket = std::os::unix::net::UnixDatagram::bind(&notify)?;
        let mut daemon = self
            .host
            .command(&self.executable)
            .arg("daemon")
            .arg("--data-root")
            .arg(self.host.path("data"))
            .arg("--exec-root")
            .arg(self.host.path("run"))
            .arg("--host")
            .arg(self.address())
            .args(["--cgroup-parent", &self.cgroup])
            .args(&self.extra)
            .env("NOTIFY_SOCKET", &notify)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start the daemon")?;
        socket.set_read_timeout(Some(std::time::Duration::from_secs(30)))?;
        let mut message = [0; 4096];
        loop {
            let ready = socket.recv(&mut message).map(|length| message[..length].starts_with(b"READY=1"));
            match ready {
                Ok(true) => break,
                Ok(false) => {}
                // A wait with a time limit is not taken up again by the kernel after a signal.
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let log = std::fs::read_to_string(self.host.path("daemon.log")).unwrap_or_default();
                    drop(daemon.kill());
                    return Err(error).with_context(|| format!("the daemon did not become ready:\n{log}"));
                }
            }
        }
        self.daemon = Some(daemon);
        Ok(())
    }

    /// The daemon's process id as seen from outside: nsenter forks once to enter the process namespace.
    ///
    /// # Errors
    /// When no daemon runs.
    pub fn daemon_pid(&self) -> Result<u32> {
        let nsenter = self.daemon.as_ref().context("no daemon runs")?.id();
        let children = std::fs::read_to_string(format!("/proc/{nsenter}/task/{nsenter}/children"))?;
        children.split_whitespace().next().context("the daemon has ended")?.parse().context("a process id")
    }

    /// Ends the daemon with SIGKILL and waits until it is gone.
    ///
    /// # Errors
    /// When no daemon runs.
    pub fn kill_daemon(&mut self) -> Result<()> {
        kill(self.daemon_pid()?)?;
        self.reap_daemon()
    }

    /// Switches the machine off and on: no process, link, firewall, cgroup or exec root is left, only the data root, if that is not
    /// on a mount of the host. No daemon runs then.
    ///
    /// # Errors
    /// When the namespaces cannot be made anew.
    pub fn reboot(&mut self) -> Result<()> {
        self.host.kill();
        thaw_cgroups(&self.cgroup);
        self.host.reboot()?;
        self.reap_daemon()?;
        remove_cgroups(&self.cgroup);
        for left in ["run", "teu.sock"] {
            self.host.sh(&format!("rm -rf '{}'", self.host.path(left).display()))?;
        }
        Ok(())
    }

    /// Kills daemon, keeper, guardian and whatever runs in containers with -9 at once. The machine goes on.
    ///
    /// # Errors
    /// When no process can be killed.
    pub fn kill_everything(&mut self) -> Result<()> {
        // All but the namespace's first process and the shell (kill(2)), in one call.
        self.host.sh("kill -9 -1")?;
        self.reap_daemon()
    }

    fn reap_daemon(&mut self) -> Result<()> {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.wait()?;
        }
        Ok(())
    }

    /// `unix://…`: for `DOCKER_HOST`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix://{}", self.host.path("teu.sock").display())
    }

    /// The command line, aimed at this engine. It runs outside: the engine's socket is all that it needs.
    #[must_use]
    pub fn teu(&self) -> Command {
        let mut command = Command::new(&self.executable);
        command.env("DOCKER_HOST", self.address()).env("DOCKER_CONFIG", self.host.path("config"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command line of this engine and returns all that came of it.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn output(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.teu().args(arguments).output()?)
    }

    /// Runs a command line that must succeed and returns its standard output.
    ///
    /// # Errors
    /// When it exits with another code than 0.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        succeed(&arguments.join(" "), &self.output(arguments)?)
    }

    /// Runs a command line and hands over its output line by line.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn follow(&self, arguments: &[&str]) -> Result<(Child, impl Iterator<Item = String> + use<>)> {
        let mut child = self.teu().args(arguments).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("no output")?;
        Ok((child, BufReader::new(out).lines().map_while(Result::ok)))
    }

    /// The cgroup below which all containers of this engine are.
    #[must_use]
    pub fn cgroup_parent(&self) -> &str {
        &self.cgroup
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let containers = self.output(&["ps", "-aq"]).map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        for container in containers.unwrap_or_default().lines() {
            drop(self.output(&["rm", "-f", container]));
        }
        if let Some(mut daemon) = self.daemon.take() {
            drop(self.daemon_pid().map(kill));
            drop(daemon.kill());
            drop(daemon.wait());
        }
        // The keeper would go on removing cgroups: it ends first, with whatever still runs.
        self.host.kill();
        thaw_cgroups(&self.cgroup);
        self.host.end();
        remove_cgroups(&self.cgroup);
    }
}

/// Thaws what is frozen below a cgroup: in the first version of cgroups, what is frozen cannot be killed.
fn thaw_cgroups(cgroup: &str) {
    let parent = Path::new("/sys/fs/cgroup/freezer").join(cgroup.trim_start_matches('/'));
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        // Gone meanwhile, it is not frozen.
        drop(std::fs::write(entry.path().join("freezer.state"), "THAWED"));
    }
}

/// Removes a cgroup with those below it from every hierarchy.
pub fn remove_cgroups(cgroup: &str) {
    let name = cgroup.trim_start_matches('/');
    let mounts = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    for mount in mounts.chain([PathBuf::from("/sys/fs/cgroup")]) {
        remove_cgroup(&mount.join(name));
    }
}

/// Removes a cgroup and those below it. One that is still in use stays, as does one that is not there.
fn remove_cgroup(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    drop(std::fs::remove_dir(folder));
}

/// The keeper that runs on a host, as seen from outside.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn keeper_pid(host: &Host) -> Result<Option<u32>> {
    let has_its_command_line = |pid: u32| {
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.windows(8).any(|word| word == b"\0keeper\0"))
    };
    let is_guardian =
        |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "teu:guardian\n");
    // So has its guardian, and so have the processes that it starts until they execute their programs.
    let is_its_child =
        |pid: u32| parent(pid).is_some_and(|parent| has_its_command_line(parent) && !is_guardian(parent));
    let is_keeper = |pid: &u32| has_its_command_line(*pid) && !is_guardian(*pid) && !is_its_child(*pid);
    Ok(host.processes()?.into_iter().find(is_keeper))
}

/// The parent of a process.
fn parent(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// Sends SIGKILL to one process.
///
/// # Errors
/// When it is not there.
pub fn kill(pid: u32) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).context("no process id")?;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL)?;
    Ok(())
}
