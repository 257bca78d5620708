//! Filters in the kernel. Each test forks, since a filter cannot be removed.

use std::process::Command;

use rustix::io::Errno;
use teu_sys::seccomp::*;

/// Runs this test again in a process of its own, in which `body` installs its filter.
fn in_child(name: &str, body: impl FnOnce()) {
    if std::env::var_os("TEU_SECCOMP_CHILD").is_some() {
        rustix::thread::set_no_new_privs(true).unwrap();
        body();
        return;
    }
    let test = std::env::current_exe().unwrap();
    let output =
        Command::new(test).args(["--exact", name, "--nocapture"]).env("TEU_SECCOMP_CHILD", "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn policy(names: &[&str], action: Action, conditions: Vec<Condition>) -> Policy {
    let syscalls = names.iter().map(|name| (*name).to_owned()).collect();
    Policy { rules: vec![Rule { syscalls, action, conditions }], ..Policy::default() }
}

#[test]
fn calls_fail_as_the_policy_says() {
    in_child("seccomp::calls_fail_as_the_policy_says", || {
        // fcntl(fd, F_GETFL) fails, other commands do not.
        let command = Condition { argument: 1, compare: Compare::Equal, value: 3 };
        let program = compile(&policy(&["fcntl"], Action::Errno(77), vec![command])).unwrap();
        assert!(install(&program).unwrap().is_none());
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(rustix::fs::fcntl_getfl(&file), Err(Errno::from_raw_os_error(77)));
        assert!(rustix::io::fcntl_getfd(&file).is_ok());
    });
}

#[test]
fn a_second_filter_comes_on_top() {
    in_child("seccomp::a_second_filter_comes_on_top", || {
        install(&compile(&policy(&["sethostname"], Action::Errno(5), Vec::new())).unwrap()).unwrap();
        install(&compile(&policy(&["getuid"], Action::Errno(6), Vec::new())).unwrap()).unwrap();
        assert_eq!(rustix::system::sethostname(b"x"), Err(Errno::IO));
    });
}

#[test]
fn a_listener_is_told() {
    in_child("seccomp::a_listener_is_told", || {
        let mut told = policy(&["sethostname"], Action::Notify, Vec::new());
        told.flags = Flags::TSYNC;
        let listener = install(&compile(&told).unwrap()).unwrap().expect("no listener");
        let caller = std::thread::spawn(|| rustix::system::sethostname(b"x"));
        let mut poll = [rustix::event::PollFd::new(&listener, rustix::event::PollFlags::IN)];
        assert_eq!(rustix::event::poll(&mut poll, None), Ok(1));
        // Without a listener the kernel answers for it.
        drop(listener);
        assert_eq!(caller.join().unwrap(), Err(Errno::NOSYS));
    });
}

#[test]
fn the_kernel_says_what_it_supports() {
    assert!(supports_action(Action::Allow) && supports_action(Action::Errno(1)) && supports_action(Action::Log));
}
