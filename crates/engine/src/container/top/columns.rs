//! Columns of `ps`, and the arguments that choose them.

use super::process::Process;
use crate::Error;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    field: Field,
    title: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    User,
    Pid,
    Ppid,
    Processor,
    StartTime,
    Tty,
    Time,
    Command,
    Name,
    CpuPercent,
    MemoryPercent,
    Vsz,
    Rss,
    State,
    Nice,
    Uid,
    Gid,
    Group,
    Pgid,
    Elapsed,
    Threads,
    Label,
}

/// Names that `-o` takes, with their titles.
const NAMES: &[(&str, Field, &str)] = &[
    ("user", Field::User, "USER"),
    ("euser", Field::User, "EUSER"),
    ("ruser", Field::User, "RUSER"),
    ("uname", Field::User, "USER"),
    ("uid", Field::Uid, "UID"),
    ("euid", Field::Uid, "EUID"),
    ("gid", Field::Gid, "GID"),
    ("group", Field::Group, "GROUP"),
    ("pid", Field::Pid, "PID"),
    ("ppid", Field::Ppid, "PPID"),
    ("pgid", Field::Pgid, "PGID"),
    ("pgrp", Field::Pgid, "PGRP"),
    ("c", Field::Processor, "C"),
    ("stime", Field::StartTime, "STIME"),
    ("start", Field::StartTime, "STARTED"),
    ("tty", Field::Tty, "TT"),
    ("tt", Field::Tty, "TT"),
    ("tname", Field::Tty, "TTY"),
    ("time", Field::Time, "TIME"),
    ("cputime", Field::Time, "TIME"),
    ("etime", Field::Elapsed, "ELAPSED"),
    ("cmd", Field::Command, "CMD"),
    ("args", Field::Command, "COMMAND"),
    ("command", Field::Command, "COMMAND"),
    ("comm", Field::Name, "COMMAND"),
    ("ucmd", Field::Name, "CMD"),
    ("%cpu", Field::CpuPercent, "%CPU"),
    ("pcpu", Field::CpuPercent, "%CPU"),
    ("%mem", Field::MemoryPercent, "%MEM"),
    ("pmem", Field::MemoryPercent, "%MEM"),
    ("vsz", Field::Vsz, "VSZ"),
    ("vsize", Field::Vsz, "VSZ"),
    ("rss", Field::Rss, "RSS"),
    ("rsz", Field::Rss, "RSZ"),
    ("stat", Field::State, "STAT"),
    ("s", Field::State, "S"),
    ("state", Field::State, "S"),
    ("ni", Field::Nice, "NI"),
    ("nice", Field::Nice, "NI"),
    ("nlwp", Field::Threads, "NLWP"),
    ("thcount", Field::Threads, "THCNT"),
    ("label", Field::Label, "LABEL"),
    ("context", Field::Label, "CONTEXT"),
];

fn column(field: Field, title: &str) -> Column {
    Column { field, title: title.to_owned() }
}

fn full() -> Vec<Column> {
    vec![
        column(Field::User, "UID"),
        column(Field::Pid, "PID"),
        column(Field::Ppid, "PPID"),
        column(Field::Processor, "C"),
        column(Field::StartTime, "STIME"),
        column(Field::Tty, "TTY"),
        column(Field::Time, "TIME"),
        column(Field::Command, "CMD"),
    ]
}

fn user_format() -> Vec<Column> {
    vec![
        column(Field::User, "USER"),
        column(Field::Pid, "PID"),
        column(Field::CpuPercent, "%CPU"),
        column(Field::MemoryPercent, "%MEM"),
        column(Field::Vsz, "VSZ"),
        column(Field::Rss, "RSS"),
        column(Field::Tty, "TTY"),
        column(Field::State, "STAT"),
        column(Field::StartTime, "START"),
        column(Field::Time, "TIME"),
        column(Field::Command, "COMMAND"),
    ]
}

fn short() -> Vec<Column> {
    vec![column(Field::Pid, "PID"), column(Field::Tty, "TTY"), column(Field::Time, "TIME"), column(Field::Name, "CMD")]
}

/// Reads the arguments of `ps`: `-ef`, `aux`, `-eo pid,comm`, `-o user,pid -o cmd=NAME`.
pub(super) fn parse(args: &str) -> Result<Vec<Column>, Error> {
    let mut words = args.split_whitespace();
    let mut chosen = Vec::new();
    let mut base = if args.trim().is_empty() { full() } else { short() };
    let mut labels = false;
    while let Some(word) = words.next() {
        let unsupported = || Error::Unsupported(format!("the ps argument {word:?}"));
        if let Some(format) = word.strip_prefix("--format=") {
            columns(format, &mut chosen)?;
            continue;
        }
        let letters = word.strip_prefix('-').unwrap_or(word);
        let bsd = letters.len() == word.len();
        for (i, letter) in letters.char_indices() {
            match letter {
                // Which processes: those of the container, always.
                'e' | 'A' | 'a' | 'x' | 'w' | 'd' => {}
                'f' | 'F' if !bsd => base = full(),
                'u' if bsd => base = user_format(),
                'Z' => labels = true,
                'o' | 'O' => {
                    let rest = &letters[i + 1..];
                    let format = if rest.is_empty() { words.next().ok_or_else(unsupported)? } else { rest };
                    columns(format, &mut chosen)?;
                    break;
                }
                _ => return Err(unsupported()),
            }
        }
    }
    if labels {
        let first = if chosen.is_empty() { &mut base } else { &mut chosen };
        first.insert(0, column(Field::Label, "LABEL"));
    }
    if chosen.is_empty() {
        return Ok(base);
    }
    if !chosen.iter().any(|c| c.field == Field::Pid) {
        return Err(Error::Invalid("Couldn't find PID field in ps output".to_owned()));
    }
    Ok(chosen)
}

/// `pid,comm,args=ARGUMENTS`
fn columns(format: &str, chosen: &mut Vec<Column>) -> Result<(), Error> {
    for word in format.split(',').filter(|w| !w.is_empty()) {
        let (name, title) = word.split_once('=').map_or((word, None), |(name, title)| (name, Some(title)));
        let known = NAMES.iter().find(|(known, ..)| *known == name);
        let (_, field, default) = known.ok_or_else(|| Error::Unsupported(format!("the ps column {name:?}")))?;
        chosen.push(column(*field, title.unwrap_or(default)));
    }
    Ok(())
}

impl Column {
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    pub(super) fn value(&self, p: &Process) -> String {
        match self.field {
            Field::User => p.user.clone(),
            Field::Uid => p.uid.to_string(),
            Field::Gid => p.gid.to_string(),
            Field::Group => p.group.clone(),
            Field::Pid => p.pid.to_string(),
            Field::Ppid => p.ppid.to_string(),
            Field::Pgid => p.pgid.to_string(),
            Field::Processor => format!("{}", p.cpu_permille / 10),
            Field::StartTime => p.start_time.clone(),
            Field::Tty => p.tty.clone(),
            Field::Time => clock(p.cpu_seconds),
            Field::Elapsed => elapsed(p.elapsed_seconds),
            Field::Command => p.command.clone(),
            Field::Name => p.name.clone(),
            Field::CpuPercent => permille(p.cpu_permille),
            Field::MemoryPercent => permille(p.memory_permille),
            Field::Vsz => p.vsz_kib.to_string(),
            Field::Rss => p.rss_kib.to_string(),
            Field::State => p.state.to_string(),
            Field::Nice => p.nice.to_string(),
            Field::Threads => p.threads.to_string(),
            Field::Label => p.label.clone(),
        }
    }
}

fn permille(value: u64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

/// `HH:MM:SS`
fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `[[DD-]HH:]MM:SS`
fn elapsed(seconds: u64) -> String {
    let (days, hours) = (seconds / 86400, seconds / 3600 % 24);
    let rest = format!("{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    match (days, hours) {
        (0, 0) => rest,
        (0, hours) => format!("{hours:02}:{rest}"),
        (days, hours) => format!("{days}-{hours:02}:{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn titles(args: &str) -> Vec<String> {
        parse(args).expect(args).iter().map(|c| c.title().to_owned()).collect()
    }

    #[test]
    fn arguments() {
        assert_eq!(titles(""), ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
        assert_eq!(titles("-ef"), titles(""));
        assert_eq!(titles("aux")[..4], ["USER", "PID", "%CPU", "%MEM"]);
        assert_eq!(titles("-eo pid,comm"), ["PID", "COMMAND"]);
        assert_eq!(titles("-o pid -o args=X"), ["PID", "X"]);
        assert_eq!(titles("-opid,user"), ["PID", "USER"]);
        assert_eq!(parse("-eo comm").expect_err("no pid").to_string(), "Couldn't find PID field in ps output");
        assert_eq!(titles("-Z"), ["LABEL", "PID", "TTY", "TIME", "CMD"]);
        assert_eq!(titles("-eZo pid"), ["LABEL", "PID"]);
        for bad in ["-Y", "-eo", "-eo nonsense", "--forest"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
