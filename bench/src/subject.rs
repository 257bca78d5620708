//! Who is measured: our engine in namespaces of its own, and the peers as they are installed.

use crate::table::Row;
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use teu_testkit::engine::Engine;
use teu_testkit::host::Host;

/// The image that all subjects run, made from this machine's static busybox.
pub(crate) const IMAGE: &str = "teu-bench/busybox:latest";

/// A command line with its first words, such as `docker` or `nsenter … podman`.
#[derive(Clone)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    words: Vec<String>,
}

impl Tool {
    fn find(name: &'static str, line: &str, probe: &str) -> Option<Self> {
        let tool = Self { name, words: line.split_whitespace().map(str::to_owned).collect() };
        let found = tool.command(&[probe]).output().is_ok_and(|output| output.status.success());
        if !found {
            eprintln!("{name} is not measured: `{line} {probe}` does not work");
        }
        found.then_some(tool)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let (program, first) = self.words.split_first().map_or(("false", &[][..]), |(program, rest)| (program, rest));
        let mut command = Command::new(program);
        command.args(first).args(arguments).stdin(Stdio::null());
        command
    }
}

/// The peers that were found.
#[derive(Default)]
pub(crate) struct Peers {
    /// Docker and Podman: engines with Docker's command line.
    pub(crate) engines: Vec<Tool>,
    /// crun and runc: OCI runtimes.
    pub(crate) runtimes: Vec<Tool>,
}

impl Peers {
    pub(crate) fn find(docker: &str, podman: &str, crun: &str, runc: &str) -> Self {
        let engines = [Tool::find("docker", docker, "info"), Tool::find("podman", podman, "info")];
        let runtimes = [Tool::find("crun", crun, "--version"), Tool::find("runc", runc, "--version")];
        Self { engines: engines.into_iter().flatten().collect(), runtimes: runtimes.into_iter().flatten().collect() }
    }
}

/// Something with Docker's command line: ours in its namespaces, or a peer.
pub(crate) enum Subject {
    Own(Box<Engine>),
    Peer(Tool),
}

impl Subject {
    /// Ours first, then the peers, each with the image loaded.
    pub(crate) fn all(settings: &crate::Settings) -> Result<Vec<Self>> {
        let mut subjects = vec![Self::start(&settings.teu)?];
        subjects.extend(settings.peers.engines.iter().cloned().map(Self::Peer));
        let archive = teu_testkit::image::busybox(IMAGE)?.docker_archive();
        for subject in &subjects {
            subject.load(&archive)?;
        }
        Ok(subjects)
    }

    /// Ours alone, without an image.
    pub(crate) fn start(executable: &Path) -> Result<Self> {
        let host = Host::start()?;
        // As installed: /run is in memory, for the peers too.
        let run = host.path("run");
        host.sh(&format!("mkdir {0} && mount -t tmpfs -o mode=755 tmpfs {0}", run.display()))?;
        Ok(Self::Own(Box::new(Engine::start_on(host, executable, &[])?)))
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Own(_) => "teu",
            Self::Peer(tool) => tool.name,
        }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        match self {
            Self::Own(engine) => {
                let mut command = engine.teu();
                command.args(arguments);
                command
            }
            Self::Peer(tool) => tool.command(arguments),
        }
    }

    /// Runs a command that must succeed and returns what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments).output()?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("{} {}: {}\n{errors}", self.name(), arguments.join(" "), output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Removes running containers at once. Podman would wait for ten seconds for each that ignores SIGTERM.
    pub(crate) fn remove(&self, names: &[String]) -> Result<()> {
        let mut arguments = vec!["rm", "-f"];
        if self.name() == "podman" {
            arguments.extend(["-t", "0"]);
        }
        arguments.extend(names.iter().map(String::as_str));
        self.run(&arguments).map(drop)
    }

    /// The time of a whole process that must succeed.
    pub(crate) fn time(&self, arguments: &[&str]) -> Result<Duration> {
        time(self.command(arguments)).with_context(|| format!("{} {}", self.name(), arguments.join(" ")))
    }

    pub(crate) fn load(&self, archive: &[u8]) -> Result<()> {
        use std::io::Write as _;
        let mut child = self.command(&["load"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        child.stdin.take().context("no standard input")?.write_all(archive)?;
        if !child.wait()?.success() {
            bail!("{} cannot load the image", self.name());
        }
        Ok(())
    }

    /// The engine of ours.
    pub(crate) fn own(&mut self) -> Option<&mut Engine> {
        match self {
            Self::Own(engine) => Some(engine),
            Self::Peer(_) => None,
        }
    }
}

/// The time of a whole process that must succeed. Standard error is shown when it does not.
pub(crate) fn time(mut command: Command) -> Result<Duration> {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let begin = Instant::now();
    let output = command.spawn()?.wait_with_output()?;
    let elapsed = begin.elapsed();
    if !output.status.success() {
        bail!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(elapsed)
}

/// Times a command of every subject in turns; `floor` is a command that does the least that is needed.
pub(crate) fn in_turns(
    runs: usize,
    subjects: &[Subject],
    arguments: impl Fn(&Subject) -> Vec<String>,
    floor: Option<(&str, &dyn Fn() -> Command)>,
) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = subjects.iter().map(|subject| Row::new(subject.name())).collect();
    rows.extend(floor.map(|(name, _)| Row::new(format!("floor: {name}"))));
    // One uncounted turn first: caches, pools, lazily bound code.
    for turn in 0..=runs {
        for (subject, row) in subjects.iter().zip(&mut rows) {
            let arguments = arguments(subject);
            let elapsed = subject.time(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
            if turn > 0 {
                row.time(elapsed);
            }
        }
        if let (Some((_, command)), Some(row)) = (floor, rows.last_mut()) {
            let elapsed = time(command())?;
            if turn > 0 {
                row.time(elapsed);
            }
        }
    }
    Ok(rows)
}

/// The path of a program in a shell's words, for commands that are run without a shell.
pub(crate) fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|&word| word.to_owned()).collect()
}

/// A command without arguments of its own.
pub(crate) fn plain(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}
