//! What the end-to-end tests share.

use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use teu_testkit::engine::Engine;
use teu_testkit::host::privileged;

/// The image that nearly all tests run.
pub(crate) const BUSYBOX: &str = "busybox:latest";

/// An engine with the busybox image, or `None` where tests cannot have one (never under CI).
pub(crate) fn engine() -> Option<Engine> {
    engine_with(&[])
}

/// The same with flags for the daemon.
pub(crate) fn engine_with(flags: &[&str]) -> Option<Engine> {
    if !privileged() {
        return None;
    }
    let engine = Engine::start(env!("CARGO_BIN_EXE_teu"), flags).expect("an engine");
    let loaded = feed(engine.teu().arg("load"), busybox());
    assert!(loaded.status.success(), "{}", text(&loaded.stderr));
    Some(engine)
}

/// The archive of the busybox image, made once.
pub(crate) fn busybox() -> &'static [u8] {
    static ARCHIVE: OnceLock<Vec<u8>> = OnceLock::new();
    ARCHIVE.get_or_init(|| teu_testkit::image::busybox(BUSYBOX).expect("busybox-static").docker_archive())
}

/// Runs a command with this standard input.
pub(crate) fn feed(command: &mut Command, input: &[u8]) -> Output {
    use std::io::Write as _;
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    let mut stdin = child.stdin.take().expect("standard input");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A command that does not read all of it is for the test to judge.
            drop(stdin.write_all(input));
        });
        child.wait_with_output().expect("output")
    })
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Output of `sh -c SCRIPT` in a container of its own, which must succeed.
pub(crate) fn sh(engine: &Engine, flags: &[&str], script: &str) -> String {
    let arguments = [&["run", "--rm"], flags, &[BUSYBOX, "sh", "-c", script]].concat();
    engine.run(&arguments).unwrap_or_else(|error| panic!("{error:#}"))
}

/// Exit code, standard output and standard error of a command line.
pub(crate) fn outcome(engine: &Engine, arguments: &[&str]) -> (i32, String, String) {
    let output = engine.output(arguments).expect("a process");
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// A field of `inspect`.
pub(crate) fn inspect(engine: &Engine, container: &str, template: &str) -> String {
    let arguments = ["inspect", "--format", template, container];
    engine.run(&arguments).unwrap_or_else(|error| panic!("{error:#}")).trim().to_owned()
}
