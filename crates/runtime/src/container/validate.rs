//! Checks of a configuration that need nothing but itself. The others are made where it is compiled into a plan.

use anyhow::{Result, bail, ensure};
use teu_oci::runtime::Spec;

/// Checks a configuration.
pub(crate) fn validate(spec: &Spec) -> Result<()> {
    check_version(&spec.oci_version)?;
    let Some(root) = &spec.root else { bail!("root is missing") };
    ensure!(!root.path.as_os_str().is_empty(), "root.path is empty");
    ensure!(spec.linux.is_some(), "linux is missing");
    if let Some(process) = &spec.process {
        ensure!(!process.args.is_empty(), "process.args is empty");
        ensure!(process.cwd.is_absolute(), "process.cwd {:?} is not an absolute path", process.cwd);
    }
    for mount in &spec.mounts {
        ensure!(!mount.destination.as_os_str().is_empty(), "a mount has no destination");
    }
    Ok(())
}

/// The document must follow version 1 of the specification (semantic versioning: later minors add fields only).
fn check_version(version: &str) -> Result<()> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = core.split('.').collect();
    let numeric = parts.len() == 3 && parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    ensure!(numeric, "ociVersion {version:?} is not a semantic version");
    ensure!(parts[0] == "1", "ociVersion {version:?} is not supported");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_checked() {
        for good in ["1.0.0", "1.2.1", "1.0.2-dev", "1.3.0-rc.1+x"] {
            assert!(check_version(good).is_ok(), "{good}");
        }
        for bad in ["", "1", "1.0", "2.0.0", "x.y.z", "1..0", "0.1.0"] {
            assert!(check_version(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |text: &str| validate(&serde_json::from_str(text).unwrap()).unwrap_err().to_string();
        assert_eq!(error(r#"{"ociVersion":"1.0.0"}"#), "root is missing");
        assert_eq!(error(r#"{"ociVersion":"1.0.0","root":{"path":"r"}}"#), "linux is missing");
        let no_args = r#"{"ociVersion":"1.0.0","root":{"path":"r"},"linux":{},"process":{"cwd":"/"}}"#;
        assert_eq!(error(no_args), "process.args is empty");
    }
}
