//! What the executable is built from, and the functions that run every day side by side in it: docs/design/executable.md.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let here = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    order_functions(Path::new(&here));
    name_sources(&Path::new(&here).join("../.."));
}

fn order_functions(here: &Path) {
    println!("cargo::rerun-if-changed=hot.ld");
    let is = |name, value| env::var(name).is_ok_and(|is| is == value);
    // The list names what optimised code consists of, by symbols of this toolchain. Elsewhere it would only slow linking down.
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_ARCH", "x86_64") {
        println!("cargo::rustc-link-arg-bins=-Wl,--script={}", here.join("hot.ld").display());
        if let Some(lld) = own_linker() {
            println!("cargo::rustc-link-arg-bins=-fuse-ld=lld");
            println!("cargo::rustc-link-arg-bins=-B{}", lld.display());
        }
    }
}

/// The linker that comes with the toolchain, which takes it for glibc by itself and not for musl. For it the list was written: GNU's `ld`
/// makes three times as much of it.
fn own_linker() -> Option<PathBuf> {
    let sysroot = Command::new(env::var_os("RUSTC")?).args(["--print", "sysroot"]).output().ok()?;
    let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout).ok()?.trim_end());
    let folder = sysroot.join("lib/rustlib").join(env::var("HOST").ok()?).join("bin/gcc-ld");
    folder.join("ld.lld").exists().then_some(folder)
}

/// The commit and its date, which are the same whenever it is built. What no repository tells, packagers may:
/// `TEU_GIT_COMMIT`, and `SOURCE_DATE_EPOCH` as everywhere.
fn name_sources(root: &Path) {
    println!("cargo::rerun-if-env-changed=TEU_GIT_COMMIT");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let git = |arguments: &[&str]| git(root, arguments);
    // Sources that were unpacked inside of another repository are none of its commits.
    let prefix = git(&["rev-parse", "--show-cdup"]);
    let head =
        prefix.filter(|up| up.is_empty()).and_then(|_| git(&["log", "-1", "--no-show-signature", "--format=%H %ct"]));
    let (commit, time) = head.as_deref().and_then(|line| line.split_once(' ')).unwrap_or_default();
    if !commit.is_empty() {
        // A branch that moves changes its own file, or that of the log if it had none yet.
        let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
        for name in ["HEAD", "logs/HEAD"].into_iter().chain(branch.as_deref()) {
            let path = git(&["rev-parse", "--git-path", name]).map(|path| root.join(path));
            // One that is not there would count as changed forever.
            if let Some(path) = path.filter(|path| path.exists()) {
                println!("cargo::rerun-if-changed={}", path.display());
            }
        }
    }
    let given = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let commit = given("TEU_GIT_COMMIT").unwrap_or_else(|| match commit.get(..7) {
        Some(short) => short.to_owned(),
        None => "unknown".to_owned(),
    });
    println!("cargo::rustc-env=TEU_BUILD_COMMIT={commit}");
    println!("cargo::rustc-env=TEU_BUILD_TIME={}", given("SOURCE_DATE_EPOCH").unwrap_or_else(|| time.to_owned()));
}

/// What git says; nothing where there is no git or no repository.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| said.trim_end().to_owned())
}
