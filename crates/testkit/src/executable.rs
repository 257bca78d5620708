//! Executables that tests make.
//!
//! Linux does not execute a file that a process has open for writing. Were a test's own process to write it, another thread
//! of that process could fork meanwhile, and its child would hold the descriptor until it executes its own program: the test
//! would fail now and then with "Text file busy". So it is another process that writes.

use anyhow::{Context as _, Result, ensure};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes an executable that can be executed at once. One that is there is replaced.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let mut child = install(Path::new("/dev/stdin"), path).stdin(Stdio::piped()).spawn().context("install")?;
    child.stdin.take().context("no standard input")?.write_all(content.as_ref())?;
    ensure!(child.wait()?.success(), "{} cannot be written", path.display());
    Ok(())
}

/// Copies an executable to where it can be executed at once.
///
/// # Errors
/// When it cannot be read or written.
pub fn copy(from: &Path, path: &Path) -> Result<()> {
    let done = install(from, path).stdin(Stdio::null()).status().context("install")?;
    ensure!(done.success(), "{} cannot be copied to {}", from.display(), path.display());
    Ok(())
}

fn install(from: &Path, path: &Path) -> Command {
    let mut command = Command::new("install");
    command.args(["-m", "755", "-T", "--"]).arg(from).arg(path);
    command
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// While other threads start programs all the time.
    #[test]
    fn executed_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(Command::new("true").status().unwrap().success());
                }
            });
            for i in 0..50 {
                let path = folder.path().join(i.to_string());
                super::write(&path, "#!/bin/sh\nexit 3\n").unwrap();
                assert_eq!(Command::new(&path).status().unwrap().code(), Some(3));
            }
            done.store(true, Ordering::Relaxed);
        });
        let copy = folder.path().join("copy");
        super::copy(Path::new("/bin/true"), &copy).unwrap();
        assert!(Command::new(&copy).status().unwrap().success());
        assert!(super::copy(Path::new("/no/such"), &copy).is_err());
    }
}
