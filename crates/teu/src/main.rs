//! The teu executable: picks the role by its name or first argument.

fn main() {}
