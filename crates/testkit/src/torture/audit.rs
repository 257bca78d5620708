//! What an engine has on its machine: compared before and after, the difference is what leaked.

use crate::engine::{Engine, keeper_pid};
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Descriptors that may be open more than before: of files of databases, and of others, such as idle connections.
const SPARE_DESCRIPTORS: usize = 8;

/// How many there are, by what they are of.
type Descriptors = BTreeMap<String, usize>;

/// Names of things by their kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Inventory {
    items: BTreeMap<&'static str, BTreeSet<String>>,
    /// Open descriptors of daemon and keeper.
    descriptors: BTreeMap<&'static str, Descriptors>,
}

impl Inventory {
    pub(crate) fn take(engine: &Engine) -> Result<Self> {
        let daemon = engine.daemon_pid()?;
        let keeper = keeper_pid(&engine.host)?.context("no keeper runs")?;
        let mut items = BTreeMap::new();
        items.insert("process", processes(engine)?);
        items.insert("mount of the daemon", mounts(daemon)?);
        items.insert("mount of the keeper", mounts(keeper)?);
        items.insert("link", links(engine)?);
        items.insert("firewall rule or element", firewall(engine)?);
        items.insert("cgroup", cgroups(engine.cgroup_parent()));
        items.insert("file under the exec root", exec_root(&engine.host.path("run")));
        // The journal of events is rotated, and databases are copied some seconds after they were written to.
        let (mut files, journal) = (tree(&engine.host.path("data"), 3), engine.host.path("data/events"));
        let is_copy = |path: &str| path.ends_with(".db.copy") || path.ends_with(".db.copy.new");
        files.retain(|path| !Path::new(path).starts_with(&journal) && !is_copy(path));
        items.insert("file under the data root", files);
        let shown = engine.run(&["network", "inspect", "bridge", "--format", "{{json .Containers}}"])?;
        items.insert("endpoint", shown.split("},").filter(|e| e.contains("Name")).map(str::to_owned).collect());
        items.insert("container", shown_containers(engine)?);
        let descriptors = [("daemon", open(daemon)?), ("keeper", open(keeper)?)].into();
        Ok(Self { items, descriptors })
    }

    /// Each thing that is there now and was not there before.
    pub(crate) fn leaked_since(&self, before: &Inventory) -> Vec<String> {
        let mut leaks = Vec::new();
        for (kind, now) in &self.items {
            let known = before.items.get(kind);
            let new = now.iter().filter(|item| known.is_none_or(|known| !known.contains(*item)));
            leaks.extend(new.map(|item| format!("leaked {kind}: {item}")));
        }
        for (process, now) in &self.descriptors {
            let none = BTreeMap::new();
            let known = before.descriptors.get(process).unwrap_or(&none);
            for of_database in [false, true] {
                let more = more_descriptors(now, known, |what| is_of_database(what) == of_database);
                leaks.extend(more.map(|more| format!("leaked descriptors of the {process}: {more}")));
            }
        }
        leaks
    }
}

/// What there are more of, if there are too many.
fn more_descriptors(now: &Descriptors, known: &Descriptors, counts: impl Fn(&str) -> bool) -> Option<String> {
    let all = |descriptors: &Descriptors| descriptors.iter().filter(|(what, _)| counts(what)).map(|(_, n)| n).sum();
    let (count, at_first): (usize, usize) = (all(now), all(known));
    let more = now.iter().filter(|(what, _)| counts(what)).filter_map(|(what, n)| {
        let more = n.saturating_sub(known.get(what).copied().unwrap_or(0));
        (more > 0).then(|| format!("{more} more of {what}"))
    });
    (count > at_first + SPARE_DESCRIPTORS).then(|| format!("{count} instead of {at_first}, {}", join(more)))
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn is_of_database(what: &str) -> bool {
    [".db", ".db-wal", ".db-shm"].iter().any(|end| what.ends_with(end))
}

fn shown_containers(engine: &Engine) -> Result<BTreeSet<String>> {
    let shown = engine.run(&["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Status}}"])?;
    Ok(shown.lines().map(str::to_owned).collect())
}

/// Command lines, with numbers where there are several of the same.
fn processes(engine: &Engine) -> Result<BTreeSet<String>> {
    let lines = engine.host.processes()?.into_iter().filter_map(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " ").trim().to_owned())
    });
    // A zombie has no command line; what has just ended is none of the engine's either.
    Ok(numbered(lines.filter(|line| !line.is_empty())))
}

fn numbered(items: impl Iterator<Item = String>) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let number = |item: String| {
        let count = seen.entry(item.clone()).or_default();
        *count += 1;
        format!("{item} ({count})")
    };
    items.map(number).collect()
}

/// Mount point, type and source, without the numbers that differ from process to process.
fn mounts(pid: u32) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/mountinfo"))?;
    let short = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let point = left.split(' ').nth(4)?;
        Some(format!("{point} ({right})"))
    };
    Ok(numbered(text.lines().filter_map(short)))
}

/// Links by kind: those of the pool of ready namespaces have a new name each time, and their number stays.
fn links(engine: &Engine) -> Result<BTreeSet<String>> {
    let shown = engine.host.sh("ip -o -d link")?;
    let kind = |line: &str| {
        let name = line.split(' ').nth(1).unwrap_or_default();
        let veth = line.contains(" veth ");
        if veth { "veth".to_owned() } else { name.trim_end_matches(':').to_owned() }
    };
    Ok(numbered(shown.lines().map(kind)))
}

/// Elements and rules, one a line; names of links in the pool are not the same.
fn firewall(engine: &Engine) -> Result<BTreeSet<String>> {
    let shown = engine.host.sh("nft -s list ruleset")?;
    Ok(numbered(shown.split(['\n', ',']).map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())))
}

fn cgroups(parent: &str) -> BTreeSet<String> {
    let mounts = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    let parent = parent.trim_start_matches('/');
    let mut found = BTreeSet::new();
    for mount in mounts.chain(["/sys/fs/cgroup".into()]) {
        let groups = fs::read_dir(mount.join(parent)).into_iter().flatten().flatten();
        let groups = groups.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        found.extend(groups.map(|entry| entry.path().display().to_string()));
    }
    found
}

/// Paths below a folder down to some depth.
fn tree(folder: &Path, depth: u32) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if depth > 1 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(tree(&path, depth - 1));
        }
        found.insert(path.display().to_string());
    }
    found
}

/// Paths below the exec root; guardians' are named by their process ids.
fn exec_root(folder: &Path) -> BTreeSet<String> {
    let short = |path: String| match path.split_once("/guardian/") {
        Some((folder, _)) => format!("{folder}/guardian/…"),
        None => path,
    };
    numbered(tree(folder, 4).into_iter().map(short))
}

/// A process's descriptors, counted by what they are of: `socket`, `anon_inode:[pidfd]`, `/dev/null`.
fn open(pid: u32) -> Result<Descriptors> {
    let mut found = Descriptors::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))?.flatten() {
        // It may be closed meanwhile.
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let target = target.to_string_lossy();
        // Those have numbers: `socket:[4711]`.
        let numbered = ["socket", "pipe", "net"].into_iter().find(|kind| target.starts_with(kind));
        let what = numbered.unwrap_or(&target);
        *found.entry(what.to_owned()).or_default() += 1;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_a_leak() {
        let inventory = |items: &[&str], descriptors| Inventory {
            items: [("link", numbered(items.iter().map(|i| (*i).to_owned())))].into(),
            descriptors: [("daemon", [("socket".to_owned(), descriptors)].into())].into(),
        };
        let before = inventory(&["veth", "lo"], 10);
        assert!(inventory(&["lo", "veth"], 12).leaked_since(&before).is_empty());
        assert!(inventory(&["lo"], 1).leaked_since(&before).is_empty());
        assert_eq!(inventory(&["lo", "veth", "veth"], 10).leaked_since(&before), ["leaked link: veth (2)"]);
        let told = "leaked descriptors of the daemon: 30 instead of 10, 20 more of socket";
        assert_eq!(inventory(&["lo", "veth"], 30).leaked_since(&before), [told]);
    }
}
