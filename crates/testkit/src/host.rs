//! A machine of its own for a test: private mount, network, process, IPC and UTS namespaces.
//!
//! Whatever runs inside ends with the [`Host`]: its first process is killed when the value is dropped, and the kernel ends the
//! rest of the namespace. Who made it may be killed, too: the first process sees the end of its input then, and cleans up.

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// The namespace's first process: brings loopback up, says that it is ready, reaps orphans until it is killed, or until nobody
/// holds its input any more: then it removes its folder and the control groups that are called as that is. In the first version
/// of control groups, what is frozen cannot be killed.
const INIT: &str = r#"
# Outside of a namespace of its own it would end everything.
[ $$ -eq 1 ] || exit 1
ip link set lo up && echo ready || exit 1
exec 3<&0
until cat <&3 >/dev/null & wait $!; do :; done
kill -9 -1
groups=$(find /sys/fs/cgroup -maxdepth 2 -type d -name "${1##*/}")
tries=100
while [ -n "$groups" ] && [ $tries -gt 0 ]; do
  find $groups -name freezer.state -exec sh -c 'for state; do echo THAWED >"$state"; done' sh {} + 2>/dev/null
  find $groups -depth -type d -exec rmdir {} + 2>/dev/null
  groups=$(find $groups -maxdepth 0 2>/dev/null)
  tries=$((tries - 1))
  [ -z "$groups" ] || sleep 0.1
done
rm -rf --one-file-system "$1"
"#;

/// Whether this process may make namespaces. Under CI the answer no is a failure, not a reason to skip.
///
/// # Panics
/// Under `CI=true` without root.
#[must_use]
pub fn privileged() -> bool {
    let root = rustix::process::geteuid().is_root();
    assert!(root || std::env::var_os("CI").is_none(), "this test needs root, and CI must not skip it");
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

/// Namespaces with a first process.
pub struct Host {
    unshare: Child,
    /// The first process, as seen from here.
    init: u32,
    /// Tells when the first process, and with it the namespace, has ended.
    init_fd: OwnedFd,
    /// A directory of the test's own, removed at the end.
    directory: tempfile::TempDir,
}

impl Host {
    /// Makes the namespaces and waits until loopback is up in them.
    ///
    /// # Errors
    /// When `unshare` or `ip` are missing or namespaces cannot be made.
    pub fn start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("teu-test-").tempdir()?;
        let Namespaces { unshare, init, init_fd } = Namespaces::make(directory.path())?;
        Ok(Self { unshare, init, init_fd, directory })
    }

    /// Kills everything that runs inside. Some may take its time: [`Host::end`] waits for it.
    pub fn kill(&self) {
        // The first process takes the namespace with it. One that has ended is as good.
        let _ = pidfd_send_signal(&self.init_fd, Signal::KILL);
    }

    /// Ends everything that runs inside, and makes the namespaces anew: what is on the disk is all that is left, as after
    /// a boot.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub fn reboot(&mut self) -> Result<()> {
        self.end();
        let Namespaces { unshare, init, init_fd } = Namespaces::make(self.directory.path())?;
        (self.unshare, self.init, self.init_fd) = (unshare, init, init_fd);
        Ok(())
    }

    /// A directory for data roots, sockets and files. It is on the disk of the machine, visible inside and outside.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A path below [`Host::directory`].
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A command that runs inside.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.init.to_string());
        command.args(["--mount", "--net", "--pid", "--ipc", "--uts", "--"]).arg(program);
        command
    }

    /// Runs a shell script inside and returns what it printed.
    ///
    /// # Errors
    /// When it exits with another code than 0; its error output is in the message.
    pub fn sh(&self, script: &str) -> Result<String> {
        let output = self.command("sh").args(["-ec", script]).output()?;
        succeed(script, &output)
    }

    /// The network namespace, to be entered by a thread.
    ///
    /// # Errors
    /// When the host has ended.
    pub fn network_namespace(&self) -> std::io::Result<OwnedFd> {
        Ok(fs::File::open(format!("/proc/{}/ns/net", self.init))?.into())
    }

    /// Runs something in a thread that is inside, as far as the network goes: sockets made there stay there.
    ///
    /// # Errors
    /// When the host has ended, or the thread panicked.
    pub fn in_network<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let namespace = self.network_namespace()?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok(work())
            });
            thread.join().unwrap_or_else(|_| bail!("a thread in the host panicked"))
        })
    }

    /// The root of its file system, seen from outside.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.init).into()
    }

    /// Process ids that run inside, seen from outside, without the first process.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let namespace = fs::read_link(format!("/proc/{}/ns/pid", self.init))?;
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let inside = fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|link| link == namespace);
            if inside && pid != self.init {
                found.push(pid);
            }
        }
        Ok(found)
    }
}

impl Host {
    /// Ends everything that runs inside, and returns when it is gone. Happens by itself when the value is dropped.
    pub fn end(&mut self) {
        self.kill();
        // It is gone for good when its parent has reaped it.
        drop(self.unshare.wait());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.end();
    }
}

/// What [`Host`] is made of, but for its directory.
struct Namespaces {
    unshare: Child,
    init: u32,
    init_fd: OwnedFd,
}

impl Namespaces {
    fn make(directory: &Path) -> Result<Self> {
        let mut unshare = Command::new("unshare")
            .args(["--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc"])
            .args(["--propagation", "private", "sh", "-c", INIT, "sh"])
            .arg(directory)
            // Held until the end of this process, however that comes.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // At the end it complains of its killed child: nobody needs to see that.
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run unshare (util-linux)")?;
        let ready = unshare.stdout.take().context("unshare has no output")?;
        let init = match first_child(unshare.id(), ready) {
            Ok(init) => init,
            Err(error) => {
                drop(unshare.kill());
                let output = unshare.wait_with_output()?;
                return Err(error.context(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
            }
        };
        let pid = i32::try_from(init).ok().and_then(Pid::from_raw).context("no process id")?;
        let init_fd = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Self { unshare, init, init_fd })
    }
}

/// The output of a command that must have succeeded.
///
/// # Errors
/// When it did not; with its error output.
pub fn succeed(what: &str, output: &Output) -> Result<String> {
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what}: {}\n{errors}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn first_child(parent: u32, ready: ChildStdout) -> Result<u32> {
    let mut line = String::new();
    BufReader::new(ready).read_line(&mut line)?;
    if line.trim() != "ready" {
        bail!("namespaces could not be made: are you root, and is iproute2 installed?");
    }
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
    children.split_whitespace().next().context("unshare has no child")?.parse().context("a process id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_place_of_its_own() {
        if !privileged() {
            return;
        }
        let host = Host::start().unwrap();
        assert_eq!(host.sh("ip -o link | wc -l").unwrap().trim(), "1");
        assert_eq!(host.sh("hostname inner; hostname").unwrap().trim(), "inner");
        assert!(host.processes().unwrap().len() <= 1, "only init's cat");
        let error = host.sh("echo bad >&2; exit 3").unwrap_err().to_string();
        assert!(error.contains("bad"), "{error}");
        let directory = host.directory().to_owned();
        let init = host.init;
        drop(host);
        assert!(!directory.exists());
        assert!(!Path::new(&format!("/proc/{init}")).exists());
    }

    #[test]
    fn nothing_is_left_of_a_host_whose_maker_was_killed() {
        if !privileged() {
            return;
        }
        let mut host = Host::start().unwrap();
        let name = host.directory().file_name().unwrap().to_str().unwrap().to_owned();
        let groups: Vec<PathBuf> =
            ["freezer", "unified", ""].map(|mount| Path::new("/sys/fs/cgroup").join(mount).join(&name)).into();
        let made: Vec<&PathBuf> =
            groups.iter().filter(|group| fs::create_dir_all(group.join("inner")).is_ok()).collect();
        let frozen = made.iter().find(|group| group.join("inner/freezer.state").exists());
        let script = frozen.map_or_else(String::new, |group| {
            let inner = group.join("inner");
            let inner = inner.display();
            format!("sleep 1000 & echo $! > {inner}/cgroup.procs; echo FROZEN > {inner}/freezer.state")
        });
        host.sh(&format!("exec >/dev/null 2>&1; {script}")).unwrap();
        // As all of them do that are killed: they let go of what they hold.
        drop(host.unshare.stdin.take());
        host.unshare.wait().unwrap();
        assert!(!host.directory().exists());
        assert!(!made.iter().any(|group| group.exists()));
    }
}
