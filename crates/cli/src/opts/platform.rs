//! `--platform os[/arch[/variant]]`.

use anyhow::bail;

/// Checks a platform and puts it in its normal form (`linux/x86_64` is `linux/amd64`).
pub(crate) fn parse(text: &str) -> anyhow::Result<String> {
    let parts: Vec<String> = text.split('/').map(str::to_ascii_lowercase).collect();
    let valid = |part: &String| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    if parts.len() > 3 || !parts.iter().all(valid) {
        bail!("error parsing specified platform: {text:?}: cannot parse platform specifier: invalid argument");
    }
    let normal: Vec<&str> = match &parts[..] {
        [single] if is_os(normalise(0, single)) => vec![normalise(0, single), host_architecture()],
        [single] if is_architecture(normalise(1, single)) => vec![std::env::consts::OS, normalise(1, single)],
        [_] => bail!(
            "error parsing specified platform: {text:?}: unknown operating system or architecture: invalid argument"
        ),
        parts => parts.iter().enumerate().map(|(index, part)| normalise(index, part)).collect(),
    };
    Ok(normal.join("/"))
}

fn is_os(part: &str) -> bool {
    matches!(part, "linux" | "windows" | "darwin" | "freebsd" | "netbsd" | "openbsd" | "solaris" | "plan9" | "wasip1")
}

fn is_architecture(part: &str) -> bool {
    matches!(
        part,
        "386" | "amd64" | "arm" | "arm64" | "loong64" | "mips64le" | "ppc64le" | "riscv64" | "s390x" | "wasm"
    )
}

/// Go's name of the architecture this program was built for.
pub(crate) fn host_architecture() -> &'static str {
    normalise(1, std::env::consts::ARCH)
}

fn normalise(index: usize, part: &str) -> &str {
    match (index, part) {
        (0, "macos") => "darwin",
        (1, "x86_64" | "x86-64") => "amd64",
        (1, "aarch64") => "arm64",
        (1, "i386" | "i686" | "x86") => "386",
        (1, "armhf" | "armel") => "arm",
        _ => part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms() {
        assert_eq!(parse("linux/x86_64").unwrap(), "linux/amd64");
        assert_eq!(parse("linux/arm/v7").unwrap(), "linux/arm/v7");
        assert_eq!(parse("Linux").unwrap(), format!("linux/{}", host_architecture()));
        assert_eq!(parse("aarch64").unwrap(), "linux/arm64");
        assert_eq!(
            parse("a/b/c/d").unwrap_err().to_string(),
            r#"error parsing specified platform: "a/b/c/d": cannot parse platform specifier: invalid argument"#
        );
        assert!(parse("linux//x").is_err());
    }
}
