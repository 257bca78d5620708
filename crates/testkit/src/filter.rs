//! Kernels and sandboxes that lack system calls.

use teu_sys::seccomp::{Action, Policy, Rule, compile, install};

/// The mount calls that came with Linux 5.2 and 5.12.
pub const NEW_MOUNT_CALLS: [&str; 5] = ["fsopen", "fsmount", "open_tree", "move_mount", "mount_setattr"];

/// Does something where system calls fail with an error: programs that it starts cannot make them. It runs on a thread of
/// its own, since nothing takes a filter away.
///
/// # Panics
/// Without the privilege to install a filter, and as `work` does.
pub fn without<T: Send>(calls: &[&str], errno: rustix::io::Errno, work: impl FnOnce() -> T + Send) -> T {
    let refused = Rule {
        syscalls: calls.iter().map(ToString::to_string).collect(),
        action: Action::Errno(u16::try_from(errno.raw_os_error()).expect("error numbers are small")),
        conditions: Vec::new(),
    };
    let policy = Policy { default_action: Action::Allow, rules: vec![refused], ..Policy::default() };
    let program = compile(&policy).expect("the policy is valid");
    let filtered = move || {
        install(&program).expect("a filter can be installed");
        work()
    };
    std::thread::scope(|scope| match scope.spawn(filtered).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn calls_are_refused_on_the_thread_only() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let change = || std::process::Command::new("sh").args(["-c", "cd /"]).status().unwrap().success();
        assert!(!without(&["chdir"], Errno::NOSYS, change));
        assert!(change());
    }
}
