//! Bundles made of the host's static busybox, and the runtime to run them with.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

/// Where Debian's busybox-static is.
const BUSYBOX: &str = "/bin/busybox";
const APPLETS: [&str; 19] = [
    "sh", "true", "false", "cat", "ls", "id", "mount", "echo", "sleep", "mkdir", "touch", "hostname", "stat", "env",
    "grep", "pwd", "readlink", "tty", "date",
];

/// Whether the machine lets these tests run; says so if not.
pub(crate) fn possible() -> bool {
    let root = rustix::process::geteuid().is_root();
    let busybox = Path::new(BUSYBOX).exists();
    if !(root && busybox) {
        eprintln!("skipped: needs root and {BUSYBOX}");
        assert!(std::env::var_os("CI").is_none(), "skipped tests are failures here");
    }
    root && busybox
}

/// A bundle with a state directory, removed when dropped.
pub(crate) struct Bundle {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) config: Value,
    pub(crate) id: String,
}

impl Bundle {
    /// A bundle that runs a shell script.
    pub(crate) fn new(script: &str) -> Bundle {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("rootfs/bin");
        std::fs::create_dir_all(&bin).unwrap();
        teu_testkit::executable::copy(Path::new(BUSYBOX), &bin.join("busybox")).unwrap();
        for applet in APPLETS {
            symlink("busybox", bin.join(applet)).unwrap();
        }
        let made = runtime().args(["spec", "--bundle"]).arg(dir.path()).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let config = std::fs::read(dir.path().join("config.json")).unwrap();
        let mut config: Value = serde_json::from_slice(&config).unwrap();
        let id = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(["sh", "-c", script]);
        config["linux"]["cgroupsPath"] = json!(format!("/teu-test/{id}"));
        config["root"]["readonly"] = json!(false);
        Bundle { dir, config, id }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn rootfs(&self) -> PathBuf {
        self.path().join("rootfs")
    }

    pub(crate) fn add_mount(&mut self, mount: Value) {
        self.config["mounts"].as_array_mut().unwrap().push(mount);
    }

    /// The runtime with a command for this container, whose arguments follow.
    pub(crate) fn command(&self, command: &str) -> Command {
        let mut runtime = runtime();
        runtime.arg("--root").arg(self.path().join("state")).arg(command);
        runtime
    }

    pub(crate) fn write(&self) {
        std::fs::write(self.path().join("config.json"), self.config.to_string()).unwrap();
    }

    /// `run`, to the end.
    pub(crate) fn run(&self) -> Output {
        self.write();
        self.command("run").arg("--bundle").arg(self.path()).arg(&self.id).stdin(Stdio::null()).output().unwrap()
    }

    /// `run` that must succeed; its output.
    pub(crate) fn output(&self) -> String {
        let output = self.run();
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// `run` that must fail in the runtime; what it says.
    pub(crate) fn failure(&self) -> String {
        let output = self.run();
        assert!(!output.status.success(), "{}", text(&output));
        String::from_utf8(output.stderr).unwrap()
    }

    /// `create` and `start`, with output thrown away.
    pub(crate) fn start(&self) {
        self.write();
        let mut create = self.command("create");
        create.arg("--bundle").arg(self.path()).arg(&self.id).stdin(Stdio::null());
        assert!(create.stdout(Stdio::null()).stderr(Stdio::inherit()).status().unwrap().success());
        let started = self.act("start", &[]);
        assert!(started.status.success(), "{}", text(&started));
    }

    /// A command with the id as first argument.
    pub(crate) fn act(&self, command: &str, arguments: &[&str]) -> Output {
        self.command(command).arg(&self.id).args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// `exec` of a shell script that must succeed; its output.
    pub(crate) fn exec(&self, script: &str) -> String {
        let output = self.act("exec", &["sh", "-c", script]);
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub(crate) fn state(&self) -> Value {
        let output = self.act("state", &[]);
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        let deleted = self.command("delete").args(["--force", &self.id]).output().unwrap();
        assert!(deleted.status.success() || std::thread::panicking(), "{}", text(&deleted));
        // The parent of the tests' cgroups goes with the last of them; others may still be in it.
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            let _ = std::fs::remove_dir(hierarchy.path().join("teu-test"));
        }
        let _ = std::fs::remove_dir("/sys/fs/cgroup/teu-test");
    }
}

pub(crate) fn text(output: &Output) -> String {
    format!("{}: {}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The example that is nothing but the command line; cargo builds it along with the tests.
fn runtime() -> Command {
    let tests = std::env::current_exe().unwrap();
    let example = tests.parent().unwrap().with_file_name("examples").join("teu-runtime");
    assert!(example.exists(), "{} is missing: run cargo test without --test", example.display());
    Command::new(example)
}
