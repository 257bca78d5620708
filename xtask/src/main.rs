//! Project checks: `cargo xtask tidy`.

fn main() {}
