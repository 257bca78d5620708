//! What signals, exit codes and messages of programs mean.

/// The signal that cannot be caught.
pub(super) const SIGKILL: i32 = 9;

/// Signals by number, from 1, as Linux numbers them on x86 and ARM.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// `SIGTERM` for 15.
pub(super) fn signal_name(number: i32) -> String {
    let name = usize::try_from(number - 1).ok().and_then(|index| SIGNALS.get(index));
    name.map_or_else(|| format!("signal {number}"), |name| format!("SIG{name}"))
}

/// 15 for `SIGTERM` and `term`.
pub(super) fn signal_number(name: &str) -> Option<i32> {
    let name = name.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    SIGNALS.iter().position(|known| *known == name).and_then(|index| i32::try_from(index + 1).ok())
}

/// The signal that an exit code stands for, by the convention of 128 plus its number.
pub(super) fn signal_of(code: i64) -> Option<i32> {
    i32::try_from(code - 128).ok().filter(|number| (1..=64).contains(number))
}

/// What it means that a signal of a fault ended a program, and what may help; `None` for signals that people send.
pub(super) fn fault(signal: i32) -> Option<(&'static str, &'static str)> {
    Some(match signal {
        4 => (
            "It met an instruction that this processor does not know: it was built for a newer one, or is damaged.",
            "Use an image built for this machine's processor.",
        ),
        6 => (
            "It gave up by itself with abort(): an assertion failed, memory was corrupt, or a library found a bug.",
            "Its last lines mostly tell which.",
        ),
        7 => (
            "It touched memory that is mapped to a file and has nothing behind it: often /dev/shm is full.",
            "Give it more shared memory: --shm-size 1g.",
        ),
        8 => ("It divided by zero, or made another arithmetic fault.", "That is a bug in the program."),
        11 => (
            "It crashed: it touched memory that is not its own (segmentation fault).",
            "That is a bug in the program or one of its libraries. For a core file: --ulimit core=-1.",
        ),
        13 => ("It wrote to a pipe or connection that nobody reads any more.", "Look at who should have read it."),
        24 => ("It used more processor time than its limit allows.", "Raise --ulimit cpu, or remove it."),
        25 => ("It wrote a file larger than its limit allows.", "Raise --ulimit fsize, or remove it."),
        31 => (
            "It made a system call that its seccomp profile answers with death.",
            "Allow the call with --security-opt seccomp=PROFILE.json.",
        ),
        _ => return None,
    })
}

/// Messages that programs leave behind: what to look for in small letters, what it means, what may help.
const MESSAGES: [(&str, &str, &str); 19] = [
    (
        "exec format error",
        "A program is for another architecture, or is a script without #! line.",
        "Check --platform.",
    ),
    ("error while loading shared libraries", "A library that it needs is not in the image.", ""),
    ("version `glibc_", "It was built against a newer C library than the image has.", "Use a newer base image."),
    ("address already in use", "A port that it wants to listen on is taken in its network.", ""),
    ("no space left on device", "A disk, or a tmpfs such as /dev/shm, is full.", "See what takes the room: system df."),
    ("disk quota exceeded", "A disk quota is used up.", ""),
    ("read-only file system", "It writes where it may only read.", "Give it a volume, or --tmpfs, at that place."),
    ("too many open files", "It ran out of descriptors.", "Raise --ulimit nofile."),
    ("resource temporarily unavailable", "It ran out of processes or threads.", "Raise --pids-limit."),
    ("cannot allocate memory", "It was refused memory.", "Raise --memory."),
    ("outofmemoryerror", "Its own heap is too small.", "Raise the heap's size, and --memory with it."),
    ("heap out of memory", "Its own heap is too small.", "Raise the heap's size, and --memory with it."),
    ("operation not permitted", "It lacks a capability, or its seccomp profile refuses a call.", "Try --cap-add."),
    ("permission denied", "A file is not its user's to use.", "Check --user, and who owns what is mounted."),
    ("name or service not known", "A host name could not be resolved.", "Check --network and --dns."),
    ("temporary failure in name resolution", "A host name could not be resolved.", "Check --network and --dns."),
    ("no such host", "A host name could not be resolved.", "Check --network and --dns."),
    ("connection refused", "Something that it needs was not listening.", "Start that first, or let it wait and retry."),
    ("no such file or directory", "A file that it needs is not there.", "Check paths, --volume and --workdir."),
];

/// What the last lines of a log give away: the line, what it means, what may help or nothing. The newest line counts
/// first.
pub(super) fn hint(lines: &[String]) -> Option<(&str, &'static str, &'static str)> {
    lines.iter().rev().find_map(|line| {
        let small = line.to_lowercase();
        let (_, meaning, help) = MESSAGES.iter().find(|(needle, ..)| small.contains(needle))?;
        Some((line.as_str(), *meaning, *help))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals() {
        assert_eq!(signal_name(9), "SIGKILL");
        assert_eq!(signal_name(31), "SIGSYS");
        assert_eq!(signal_name(40), "signal 40");
        assert_eq!(signal_number("sigterm"), Some(15));
        assert_eq!(signal_number("HUP"), Some(1));
        assert_eq!(signal_number("x"), None);
        assert_eq!(signal_of(137), Some(9));
        assert_eq!(signal_of(128), None);
        assert_eq!(signal_of(255), None);
    }

    #[test]
    fn the_newest_line_counts() {
        let lines = ["open /x: Permission denied", "retrying", "bind: Address already in use", "bye"];
        let lines = lines.map(str::to_owned);
        assert_eq!(hint(&lines).unwrap().0, "bind: Address already in use");
        assert_eq!(hint(&lines[1..2]), None);
    }
}
