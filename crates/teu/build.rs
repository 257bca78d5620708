//! Puts the functions that run every day side by side in the executable: docs/design/executable.md.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=hot.ld");
    let is = |name, value| env::var(name).is_ok_and(|is| is == value);
    // The list names what optimised code consists of, by symbols of this toolchain. Elsewhere it would only slow linking down.
    if is("PROFILE", "release") && is("TARGET", "x86_64-unknown-linux-gnu") {
        let list = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("hot.ld");
        println!("cargo::rustc-link-arg-bins=-Wl,--script={}", list.display());
    }
}
