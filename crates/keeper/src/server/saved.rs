//! What the keeper knows, on disk under the exec root, for a keeper that takes over.
//!
//! `<exec-root>/containers/<id>/` has `state.json`, with what is kept of the configuration (see [`config`](super::config)), the FIFOs `stdin`, `stdout`,
//! `stderr`, the log's spools and journal, and after the exit `exit.json`. Execs are below `exec/<id>/` in the same form. When nobody
//! asks for a container any more its folder goes, by way of `<exec-root>/ended/` if its cgroup is still there.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::protocol::{ExitRecord, LogTarget, ProcessRef, RuntimeChoice};

/// `state.json`: written before the start is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) process: ProcessRef,
    pub(super) pid: i32,
    /// Start time of the process in the kernel's ticks: tells it from another with the same id.
    pub(super) ticks: u64,
    pub(super) started_at: Timestamp,
    pub(super) terminal: bool,
    /// What the terminal is called: see [`teu_sys::pty::name`].
    #[serde(default)]
    pub(super) terminal_name: Option<String>,
    pub(super) open_stdin: bool,
    /// None for execs.
    pub(super) log: Option<LogTarget>,
    /// Empty if the process has none of its own.
    pub(super) cgroup_path: String,
    /// It is the first process of a pid namespace of its own: nothing in there outlives it.
    #[serde(default)]
    pub(super) own_pids: bool,
    pub(super) runtime: RuntimeChoice,
    /// Output waits for the first who attaches.
    pub(super) hold: bool,
    /// What the daemon wants to be told of it.
    #[serde(default)]
    pub(super) note: Option<String>,
    /// Name of the container's system call filter, where that is not in its configuration.
    #[serde(default)]
    pub(super) filter: Option<String>,
}

impl Saved {
    /// Of a process that is about to be started.
    pub(super) fn new(process: ProcessRef, runtime: RuntimeChoice) -> Self {
        Self {
            process,
            pid: 0,
            ticks: 0,
            started_at: Timestamp::now(),
            terminal: false,
            terminal_name: None,
            open_stdin: false,
            log: None,
            cgroup_path: String::new(),
            own_pids: false,
            runtime,
            hold: false,
            note: None,
            filter: None,
        }
    }
}

/// Where the files of a process are.
pub(super) fn directory(exec_root: &Path, process: &ProcessRef) -> PathBuf {
    let container = exec_root.join("containers").join(&process.container);
    match &process.exec {
        None => container,
        Some(exec) => container.join("exec").join(exec),
    }
}

/// Where the files of a container are that is forgotten but for its cgroup.
fn ended(exec_root: &Path, id: &str) -> PathBuf {
    exec_root.join(ENDED).join(id)
}

/// Puts the files of a container aside until its cgroup is gone. False if that does not work.
pub(super) fn set_aside(exec_root: &Path, id: &str) -> bool {
    let (from, to) = (directory(exec_root, &ProcessRef::container(id)), ended(exec_root, id));
    fs::rename(from, to).is_ok()
}

/// Makes the folder for what [`set_aside`] puts aside, and tells what a keeper before has left there.
pub(super) fn ended_before(exec_root: &Path) -> Vec<PathBuf> {
    let folder = exec_root.join(ENDED);
    // It may be there; without it nothing is put aside.
    let _ = fs::DirBuilder::new().mode(0o700).create(&folder);
    subdirectories(&folder)
}

/// Removes what was put aside. What cannot be removed is removed by the next keeper.
pub(super) fn remove_ended(exec_root: &Path, id: &str) {
    let _ = fs::remove_dir_all(ended(exec_root, id));
}

/// Removes the files of a process. What cannot be removed is overwritten by the next start of the same id.
pub(super) fn remove(exec_root: &Path, process: &ProcessRef) {
    let _ = fs::remove_dir_all(directory(exec_root, process));
}

/// Whether an id can be a file name.
pub(super) fn is_valid_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 128 && id != "." && id != ".." && !id.contains(['/', '\0'])
}

/// Makes an empty directory for a further process of a container whose own is there.
pub(super) fn create_exec_directory(dir: &Path) -> io::Result<()> {
    if let Some(all) = dir.parent() {
        match fs::DirBuilder::new().mode(0o700).create(all) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
    }
    create_directory(dir)
}

/// Makes an empty directory for a process; what an earlier run left there goes.
pub(super) fn create_directory(dir: &Path) -> io::Result<()> {
    let create = || fs::DirBuilder::new().recursive(false).mode(0o700).create(dir);
    match create() {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_dir_all(dir)?;
            create()
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = dir.parent() {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
            }
            create()
        }
        other => other,
    }
}

/// Writes a file so that it is there as a whole or not at all, whenever the keeper is killed.
pub(super) fn write_atomically(dir: &Path, name: &str, content: &impl Serialize) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.new"));
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(&serde_json::to_vec(content)?)?;
    fs::rename(temporary, dir.join(name))
}

/// Reads such a file. None if it is not there.
pub(super) fn read<T: DeserializeOwned>(dir: &Path, name: &str) -> io::Result<Option<T>> {
    match fs::read(dir.join(name)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// The folder of containers that are forgotten but for their cgroups.
const ENDED: &str = "ended";
pub(super) const STATE: &str = "state.json";
pub(super) const EXIT: &str = "exit.json";
pub(super) const CONFIG: &str = "config.json";
/// Which other runtime a container is being started by.
pub(super) const RUNTIME: &str = "runtime.json";

/// The exit record of a process, if it has one.
pub(super) fn exit_record(dir: &Path) -> io::Result<Option<ExitRecord>> {
    read(dir, EXIT)
}

/// Fields 3, 4, 22 and 52 of `/proc/<pid>/stat` (proc_pid_stat(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) zombie: bool,
    /// It is on its way out, with others of its namespace perhaps.
    pub(super) exiting: bool,
    pub(super) parent: i32,
    /// Start time in ticks since boot.
    pub(super) ticks: u64,
    /// As `wait(2)` would tell it.
    pub(super) exit_code: i32,
}

/// Process ids of everything whose start is on record below an exec root.
pub(super) fn recorded(root: &Path) -> HashSet<i32> {
    all(root).map(|saved| saved.pid).collect()
}

/// Everything whose start is on record below an exec root.
pub(super) fn all(root: &Path) -> impl Iterator<Item = Saved> {
    let containers = subdirectories(&root.join("containers"));
    let all = containers.into_iter().flat_map(|dir| {
        let execs = subdirectories(&dir.join("exec"));
        std::iter::once(dir).chain(execs)
    });
    // What cannot be read is not taken over either.
    all.filter_map(|dir| read::<Saved>(&dir, STATE).ok().flatten())
}

/// Folders in a folder.
pub(super) fn subdirectories(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect()
}

/// `PF_EXITING` of the kernel's `sched.h`, among the flags in `/proc/<pid>/stat`.
const EXITING: u32 = 0x4;

/// Whether a process has ended or is about to. The first of a process namespace ends the others before it has ended itself.
pub(super) fn is_ending(pid: i32) -> bool {
    stat(pid).is_none_or(|stat| stat.zombie || stat.exiting)
}

/// Reads it. None if there is no such process.
pub(super) fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Name of a process. None if there is no such process.
pub(super) fn name(pid: i32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}

/// The second field is a name in parentheses that may have anything in it.
pub(super) fn parse_stat(text: &[u8]) -> Option<Stat> {
    let end = text.iter().rposition(|&b| b == b')')?;
    let fields: Vec<&str> = str::from_utf8(&text[end + 1..]).ok()?.split_ascii_whitespace().collect();
    Some(Stat {
        zombie: matches!(*fields.first()?, "Z" | "X"),
        exiting: fields.get(6)?.parse::<u32>().ok()? & EXITING != 0,
        parent: fields.get(1)?.parse().ok()?,
        ticks: fields.get(19)?.parse().ok()?,
        exit_code: fields.get(49)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_parsed_whatever_the_name() {
        let mut text = b"42 (a) (b c) Z 1".to_vec();
        for n in 5..=52 {
            text.extend_from_slice(format!(" {}", n * 10).as_bytes());
        }
        text.push(b'\n');
        assert_eq!(
            parse_stat(&text),
            Some(Stat { zombie: true, exiting: false, parent: 1, ticks: 220, exit_code: 520 })
        );
        assert_eq!(parse_stat(b"42 (x) S 1 2"), None);
        assert!(stat(std::process::id().cast_signed()).is_some_and(|s| !s.zombie && s.ticks > 0));
    }

    #[test]
    fn only_file_names_are_ids() {
        assert!(is_valid_id("0123abc") && is_valid_id("web.1"));
        for bad in ["", ".", "..", "a/b", "/", "a\0b", &"x".repeat(129)] {
            assert!(!is_valid_id(bad), "{bad:?}");
        }
    }

    #[test]
    fn files_are_whole_and_directories_empty() {
        let root = tempfile::tempdir().unwrap();
        let dir = directory(root.path(), &ProcessRef::exec("c", "e"));
        create_directory(&dir).unwrap();
        write_atomically(&dir, "n.json", &7).unwrap();
        assert_eq!(read::<i32>(&dir, "n.json").unwrap(), Some(7));
        create_directory(&dir).unwrap();
        assert_eq!(read::<i32>(&dir, "n.json").unwrap(), None);
    }
}
