//! What a container is created with, by chance.

use crate::random::Random;
use serde_json::{Value, json};
use std::fmt;

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    /// Runs until it is told to end, and then ends with its code.
    Steady,
    /// Runs until it is killed.
    Stubborn,
    /// Ends by itself after so many microseconds.
    Brief(u64),
}

/// When it is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    No,
    OnFailure(u32),
    Always,
    UnlessStopped,
}

/// A container to be.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) program: Program,
    pub(super) policy: Policy,
    pub(super) code: i64,
    pub(super) auto_remove: bool,
    pub(super) read_only: bool,
    pub(super) tty: bool,
    /// Its log can be read.
    pub(super) logged: bool,
    /// The body of the request.
    pub(super) body: Value,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, policy, code, body, .. } = self;
        write!(f, "{program:?} with code {code}, policy {policy:?}, {}", body["HostConfig"])
    }
}

/// The signals that end [`Program::Steady`].
const TRAP: &str = "TERM USR2";

fn script(program: Program, code: i64) -> Value {
    match program {
        Program::Steady => {
            let text = format!("trap 'exit {code}' {TRAP}; echo up; while :; do sleep 1000 & wait $!; done");
            json!(["sh", "-c", text])
        }
        Program::Stubborn => json!(["sleep", "100000"]),
        Program::Brief(time) => json!(["sh", "-c", format!("echo up; usleep {time}; exit {code}")]),
    }
}

impl Plan {
    /// A plan of `owner`'s.
    pub(super) fn draw(random: &mut Random, image: &str, owner: &str) -> Self {
        let mut one_in = |chances: u64| random.below(chances) == 0;
        let (tty, auto_remove, read_only) = (one_in(8), one_in(8), one_in(10));
        let policy = match one_in(4) {
            true if !auto_remove => match (one_in(3), one_in(2)) {
                (true, _) => Policy::OnFailure(2),
                (false, true) => Policy::Always,
                (false, false) => Policy::UnlessStopped,
            },
            _ => Policy::No,
        };
        let ends = one_in(4) && matches!(policy, Policy::No | Policy::OnFailure(_));
        let stubborn = one_in(5);
        let program = match (ends, stubborn) {
            (true, _) => Program::Brief(random.below(300_000)),
            (false, true) => Program::Stubborn,
            (false, false) => Program::Steady,
        };
        let code = 2 + i64::try_from(random.below(98)).unwrap_or(0);
        let tty = tty && program == Program::Steady;
        let mut plan = Self { program, policy, code, auto_remove, read_only, tty, logged: true, body: Value::Null };
        plan.body = json!({
            "Image": image, "Cmd": script(program, code), "Tty": tty, "StopTimeout": 1,
            "OpenStdin": random.below(3) == 0, "Labels": { "chaos": owner }, "Env": ["A=1"],
        });
        plan.body["HostConfig"] = plan.host(random);
        plan.spice(random);
        plan
    }

    fn host(&mut self, random: &mut Random) -> Value {
        let (name, most) = match self.policy {
            Policy::No => ("no", 0),
            Policy::OnFailure(most) => ("on-failure", most),
            Policy::Always => ("always", 0),
            Policy::UnlessStopped => ("unless-stopped", 0),
        };
        let network = ["none", "none", "bridge", "default", "default", "host"][pick(random, 6)];
        let driver = ["json-file", "json-file", "json-file", "local", "none"][pick(random, 5)];
        self.logged = driver != "none";
        let mut host = json!({
            "NetworkMode": network, "AutoRemove": self.auto_remove, "ReadonlyRootfs": self.read_only,
            "RestartPolicy": { "Name": name, "MaximumRetryCount": most }, "LogConfig": { "Type": driver },
        });
        let options = [
            ("Init", json!(true)),
            ("Memory", json!(64 << 20)),
            ("PidsLimit", json!(100)),
            ("CpuShares", json!(512)),
            ("ShmSize", json!(1 << 20)),
            ("Tmpfs", json!({ "/scratch": "size=1m" })),
            ("IpcMode", json!("shareable")),
            ("PidMode", json!("host")),
            ("UTSMode", json!("host")),
            ("Privileged", json!(true)),
            ("CapDrop", json!(["NET_RAW"])),
            ("OomScoreAdj", json!(100)),
            ("ExtraHosts", json!(["somewhere:192.0.2.1"])),
            ("Ulimits", json!([{ "Name": "nofile", "Soft": 512, "Hard": 512 }])),
        ];
        for (option, value) in options {
            if random.below(8) == 0 {
                host[option] = value;
            }
        }
        if host["UTSMode"] == "host" || network == "host" {
            // Docker refuses a name of its own then; none is asked for.
            host["ExtraHosts"] = Value::Null;
        }
        if matches!(network, "bridge" | "default") && random.below(5) == 0 {
            host["PortBindings"] = json!({ "80/tcp": [{ "HostPort": "" }] });
        }
        host
    }

    /// Options of the container itself.
    fn spice(&mut self, random: &mut Random) {
        if random.below(6) == 0 {
            self.body["Volumes"] = json!({ "/data": {} });
        }
        if random.below(10) == 0 {
            self.body["Healthcheck"] =
                json!({ "Test": ["CMD", "true"], "Interval": 300_000_000, "Timeout": 30_000_000_000_u64 });
        }
        if random.below(10) == 0 && self.program == Program::Steady {
            self.body["StopSignal"] = json!("SIGUSR2");
        }
        if random.below(10) == 0 {
            self.body["WorkingDir"] = json!(if self.read_only { "/tmp" } else { "/tmp/work/here" });
        }
        if random.below(12) == 0 {
            self.body["User"] = json!("1000:1000");
        }
    }
}

/// An index below `count`.
pub(super) fn pick(random: &mut Random, count: usize) -> usize {
    usize::try_from(random.below(count as u64)).unwrap_or(0)
}
