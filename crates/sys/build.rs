//! Builds the init of containers, which is carried as bytes: see `init/main.rs`.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=init/main.rs");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name| env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let program = PathBuf::from(variable("OUT_DIR")).join("init");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--edition=2024", "--crate-name=init", "--crate-type=bin", "--target", &variable("TARGET")]);
    rustc.args(["-Copt-level=s", "-Cpanic=abort", "-Crelocation-model=static", "-Ctarget-feature=+crt-static"]);
    if variable("CARGO_CFG_TARGET_ENV") == "musl" {
        // Else it adds start files of its own, with a `_start`.
        rustc.arg("-Clink-self-contained=no");
    }
    rustc.args(["-Cstrip=symbols", "-Clink-arg=-nostartfiles", "-Clink-arg=-nostdlib", "-Clink-arg=-static"]);
    // One page of code, nothing to relocate.
    rustc.args(["-Clink-arg=-Wl,--build-id=none,-z,noseparate-code,-z,norelro,--gc-sections,--no-eh-frame-hdr"]);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc.arg("-o").arg(&program).arg("init/main.rs");
    let status = rustc.status().expect("rustc can be run");
    assert!(status.success(), "the init of containers could not be built: {status}");
}
