//! A process out of `/proc/<pid>`, see `proc_pid_stat(5)`.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What the values of processes are relative to.
#[derive(Debug)]
pub(super) struct Host {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
    /// Seconds since 1970.
    boot: u64,
    uptime: u64,
    memory_kib: u64,
    ticks: u64,
    page_kib: u64,
}

/// A process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) ppid: i32,
    pub(super) pgid: i32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) user: String,
    pub(super) group: String,
    pub(super) state: char,
    pub(super) tty: String,
    pub(super) nice: i64,
    pub(super) threads: u64,
    pub(super) cpu_seconds: u64,
    pub(super) elapsed_seconds: u64,
    pub(super) cpu_permille: u64,
    pub(super) memory_permille: u64,
    pub(super) vsz_kib: u64,
    pub(super) rss_kib: u64,
    pub(super) start_time: String,
    pub(super) name: String,
    pub(super) command: String,
    /// What a security module calls it.
    pub(super) label: String,
}

impl Host {
    pub(super) fn read() -> Host {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let word = |text: &str, key: &str| -> u64 {
            let line = text.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default();
            line.split_whitespace().next().and_then(|w| w.parse().ok()).unwrap_or(0)
        };
        let uptime = text("/proc/uptime");
        Host {
            users: names(&text("/etc/passwd")),
            groups: names(&text("/etc/group")),
            boot: word(&text("/proc/stat"), "btime "),
            uptime: uptime.split('.').next().and_then(|s| s.parse().ok()).unwrap_or(0),
            memory_kib: word(&text("/proc/meminfo"), "MemTotal:").max(1),
            ticks: rustix::param::clock_ticks_per_second().max(1),
            page_kib: u64::try_from(rustix::param::page_size() / 1024).unwrap_or(4),
        }
    }
}

/// `name:…:id:…` by id; the first of an id counts.
fn names(text: &str) -> HashMap<u32, String> {
    let mut all = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(Ok(id))) = (fields.next(), fields.nth(1).map(str::parse)) {
            all.entry(id).or_insert_with(|| name.to_owned());
        }
    }
    all
}

/// Reads a process; `None` if it has ended.
pub(super) fn read(pid: i32, host: &Host) -> Option<Process> {
    let folder = format!("/proc/{pid}");
    let metadata = std::fs::metadata(&folder).ok()?;
    let stat = std::fs::read_to_string(format!("{folder}/stat")).ok()?;
    let cmdline = std::fs::read(format!("{folder}/cmdline")).unwrap_or_default();
    let mut process = parse(pid, &stat, host)?;
    (process.uid, process.gid) = (metadata.uid(), metadata.gid());
    let named = |names: &HashMap<u32, String>, id: u32| names.get(&id).cloned().unwrap_or_else(|| id.to_string());
    process.user = named(&host.users, process.uid);
    process.group = named(&host.groups, process.gid);
    let arguments = String::from_utf8_lossy(&cmdline).trim_end_matches('\0').replace('\0', " ");
    process.command = if arguments.is_empty() { format!("[{}]", process.name) } else { arguments };
    let label = std::fs::read_to_string(format!("{folder}/attr/current")).unwrap_or_default();
    let label = label.trim_end_matches(['\0', '\n']);
    process.label = if label.is_empty() { "-".to_owned() } else { label.to_owned() };
    Some(process)
}

pub(super) fn parse(pid: i32, stat: &str, host: &Host) -> Option<Process> {
    // The name is in parentheses and may contain some itself.
    let (open, close) = (stat.find('(')?, stat.rfind(')')?);
    let fields: Vec<&str> = stat.get(close + 1..)?.split_whitespace().collect();
    // Numbers below are those of proc_pid_stat(5), which counts from 1 and has two fields before these.
    let field = |number: usize| fields.get(number - 3).copied();
    let number = |n: usize| field(n).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    let id = |n: usize| field(n).and_then(|f| f.parse::<i32>().ok()).unwrap_or(0);
    let cpu_ticks = number(14).saturating_add(number(15));
    let started = number(22) / host.ticks;
    let elapsed_seconds = host.uptime.saturating_sub(started);
    let rss_kib = number(24).saturating_mul(host.page_kib);
    let cpu_permille = (cpu_ticks.saturating_mul(1000) / host.ticks).checked_div(elapsed_seconds).unwrap_or(0);
    Some(Process {
        pid,
        ppid: id(4),
        pgid: id(5),
        uid: 0,
        gid: 0,
        user: String::new(),
        group: String::new(),
        state: field(3)?.chars().next()?,
        tty: tty(number(7)),
        nice: field(19).and_then(|f| f.parse().ok()).unwrap_or(0),
        threads: number(20),
        cpu_seconds: cpu_ticks / host.ticks,
        elapsed_seconds,
        cpu_permille,
        memory_permille: rss_kib.saturating_mul(1000) / host.memory_kib,
        vsz_kib: number(23) / 1024,
        rss_kib,
        start_time: start_time(host.boot.saturating_add(started)),
        name: stat.get(open + 1..close)?.to_owned(),
        command: String::new(),
        label: String::new(),
    })
}

/// `?`, `pts/3`, `tty1`, by device number.
fn tty(device: u64) -> String {
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
    match major {
        0 => "?".to_owned(),
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        4 => format!("tty{minor}"),
        _ => format!("{major}:{minor}"),
    }
}

/// The time of a day that is not over, else the date, as `ps` does.
fn start_time(seconds: u64) -> String {
    let zone = TimeZone::system();
    let Some(start) = i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok()) else {
        return "?".to_owned();
    };
    let age = Timestamp::now().duration_since(start).as_secs();
    let format = if age < 24 * 3600 { "%H:%M" } else { "%b%d" };
    start.to_zoned(zone).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Host, parse, tty};

    #[test]
    fn a_name_with_parentheses() {
        let host = Host {
            users: HashMap::new(),
            groups: HashMap::new(),
            boot: 0,
            uptime: 200,
            memory_kib: 1000,
            ticks: 100,
            page_kib: 4,
        };
        let stat = "42 (a) (b c) S 7 42 42 34816 42 4194304 0 0 0 0 1000 500 0 0 20 0 3 0 10000 2048000 25 1";
        let p = parse(42, stat, &host).expect("a process");
        assert_eq!((p.name.as_str(), p.ppid, p.state, p.threads), ("a) (b c", 7, 'S', 3));
        assert_eq!((p.cpu_seconds, p.elapsed_seconds, p.cpu_permille), (15, 100, 150));
        assert_eq!((p.vsz_kib, p.rss_kib, p.memory_permille), (2000, 100, 100));
        assert_eq!(p.tty, "pts/0");
    }

    #[test]
    fn numbers_that_no_kernel_says() {
        let host = Host {
            users: HashMap::new(),
            groups: HashMap::new(),
            boot: u64::MAX,
            uptime: 1,
            memory_kib: 1,
            ticks: 1,
            page_kib: 4,
        };
        let greatest = [u64::MAX.to_string().as_str(); 40].join(" ");
        assert!(parse(1, &format!("1 (a) S {greatest}"), &host).is_some());
    }

    #[test]
    fn terminals() {
        assert_eq!(tty(0), "?");
        assert_eq!(tty(0x8803), "pts/3");
        assert_eq!(tty(0x0401), "tty1");
    }
}
