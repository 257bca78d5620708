//! The init of containers that ask for one (`--init`).

/// An executable that needs nothing but the kernel: it starts the program that its arguments name (after `--`), hands
/// signals on to it, reaps orphans and ends as the program ends.
pub const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/init"));

#[cfg(test)]
mod tests {
    use super::PROGRAM;
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    fn init(folder: &std::path::Path, script: &[&str]) -> Command {
        let path = folder.join("init");
        if !path.exists() {
            teu_testkit::executable::write(&path, PROGRAM).unwrap();
        }
        let mut command = Command::new(path);
        command.arg("--").args(script).stdin(Stdio::null());
        command
    }

    #[test]
    fn ends_as_the_program_ends() {
        let folder = tempfile::tempdir().unwrap();
        let code = |script: &[&str]| init(folder.path(), script).stderr(Stdio::null()).status().unwrap().code();
        assert_eq!(code(&["sh", "-c", "exit 7"]), Some(7));
        assert_eq!(code(&["sh", "-c", "kill -9 $$"]), Some(137));
        assert_eq!(code(&["nosuch"]), Some(127));
        assert_eq!(code(&["/etc/passwd"]), Some(126));
        let output = init(folder.path(), &["nosuch"]).output().unwrap();
        assert_eq!(output.stderr, b"[FATAL docker-init] exec nosuch failed: No such file or directory\n");
    }

    #[test]
    fn a_signal_that_came_before_is_handed_on() {
        use std::os::unix::process::CommandExt;
        let folder = tempfile::tempdir().unwrap();
        let mut command = init(folder.path(), &["sleep", "1000"]);
        let mut held = init(folder.path(), &["grep", "^SigBlk", "/proc/self/status"]);
        // SAFETY: allocates nothing and takes no lock.
        unsafe {
            command.pre_exec(|| {
                crate::signal::block();
                Ok(rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM)?)
            });
            held.pre_exec(|| {
                crate::signal::block();
                Ok(())
            });
        }
        // Nothing of the program need have run: it is a signal's that it ended.
        assert_eq!(command.stdout(Stdio::null()).status().unwrap().code(), Some(128 + 15));
        let output = held.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "SigBlk:\t0000000000000000\n");
    }

    #[test]
    fn hands_signals_on_and_is_small() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap 'exit 5' USR1; echo ready; while :; do sleep 0.01; done";
        let mut child = init(folder.path(), &["sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", child.id())).unwrap();
        let kib = |name: &str| -> u64 {
            let line = rollup.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let private = kib("Private_Clean:") + kib("Private_Dirty:");
        assert!(private <= 64, "{private} KiB\n{rollup}");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), status.signal()), (Some(5), None));
    }
}
