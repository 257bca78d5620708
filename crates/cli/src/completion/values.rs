//! What kind of word stands where.

use clap::Arg;

use super::Word;
use crate::verb::Spec;

/// Which containers are of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Any,
    Running,
    Paused,
    /// Those that can be started.
    Stopped,
}

/// A kind of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    /// What the shell knows better.
    Files,
    /// These.
    Words(Vec<Word>),
    /// Beginnings of words.
    Prefixes(Vec<Word>),
    Containers(State),
    Images,
    Networks,
    Volumes,
    Contexts,
    /// Containers, images, networks.
    Anything,
}

/// Values of flags that have a few.
const CHOICES: [(&str, &[&str]); 14] = [
    ("attach", &["stderr", "stdin", "stdout"]),
    ("cgroupns", &["host", "private"]),
    ("isolation", &["default"]),
    ("log-driver", &["fluentd", "gelf", "journald", "json-file", "local", "none", "syslog"]),
    ("log-level", &["debug", "info", "warn", "error", "fatal"]),
    ("platform", &["linux/386", "linux/amd64", "linux/arm/v7", "linux/arm64", "linux/riscv64"]),
    ("pid", &["host"]),
    ("ipc", &["host", "none", "private", "shareable"]),
    ("pull", &["always", "missing", "never"]),
    ("restart", &["always", "no", "on-failure", "unless-stopped"]),
    ("userns", &["host"]),
    ("uts", &["host"]),
    ("signal", SIGNALS),
    ("stop-signal", SIGNALS),
];

/// The signals that people send.
const SIGNALS: &[&str] =
    &["ABRT", "CONT", "HUP", "INT", "KILL", "QUIT", "STOP", "TERM", "TSTP", "USR1", "USR2", "WINCH"];

/// Flags whose value begins in one of a few ways.
const BEGINNINGS: [(&str, &[&str]); 2] = [
    ("security-opt", &["apparmor=", "label=", "no-new-privileges", "seccomp=", "systempaths=unconfined"]),
    ("mount", &["type=bind,", "type=tmpfs,", "type=volume,"]),
];

/// Flags that name files.
const PATHS: [&str; 12] = [
    "cidfile",
    "config",
    "device",
    "env-file",
    "input",
    "label-file",
    "output",
    "tlscacert",
    "tlscert",
    "tlskey",
    "volume",
    "workdir",
];

/// What a flag's value may be.
pub(super) fn of_flag(arg: &Arg) -> Kind {
    let Some(name) = arg.get_long() else { return Kind::Nothing };
    let words = |choices: &[&str]| choices.iter().map(|word| ((*word).to_owned(), String::new())).collect();
    if let Some((_, choices)) = CHOICES.iter().find(|(flag, _)| *flag == name) {
        return Kind::Words(words(choices));
    }
    if let Some((_, beginnings)) = BEGINNINGS.iter().find(|(flag, _)| *flag == name) {
        return Kind::Prefixes(words(beginnings));
    }
    match name {
        "network" | "net" => Kind::Networks,
        "context" | "from" => Kind::Contexts,
        "volumes-from" | "link" => Kind::Containers(State::Any),
        _ if PATHS.contains(&name) => Kind::Files,
        _ => Kind::Nothing,
    }
}

/// What the argument number `index` of a command may be, as its usage line names it.
pub(super) fn positional(spec: &Spec, index: usize) -> Kind {
    let mut names = spec.usage.split_whitespace().filter(|word| *word != "[OPTIONS]").peekable();
    let mut name = "";
    for _ in 0..=index {
        match names.next() {
            Some(next) => name = next,
            None if name.contains("...") => break,
            None => return Kind::Nothing,
        }
    }
    match name.trim_matches(['[', ']', '.']) {
        "COMMAND" | "ARG" => Kind::Files,
        name if name.starts_with("file|") || name.starts_with("FILE") => Kind::Files,
        name if name.starts_with("CONTEXT") => Kind::Contexts,
        name if name.starts_with("VOLUME") => Kind::Volumes,
        name if name.starts_with("NAME|ID") => Kind::Anything,
        name if name.starts_with("CONTAINER") => Kind::Containers(state(spec.names[0])),
        name if name.contains("IMAGE") || name.starts_with("REPOSITORY") || name.starts_with("NAME[") => Kind::Images,
        name if name.starts_with("NETWORK") => Kind::Networks,
        name if name.starts_with("SHELL") => Kind::Words(super::scripts::shells()),
        _ => Kind::Nothing,
    }
}

/// The containers that a verb can be said of.
fn state(verb: &str) -> State {
    match verb {
        "attach" | "exec" | "kill" | "pause" | "port" | "stop" | "top" => State::Running,
        "start" => State::Stopped,
        "unpause" => State::Paused,
        _ => State::Any,
    }
}
