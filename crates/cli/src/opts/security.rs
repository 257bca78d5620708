//! `--security-opt`.

use std::path::Path;

use anyhow::{anyhow, bail};

/// What the security options ask for, ready for the engine.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Security {
    /// Options in `key=value` form, with the text of a seccomp profile in place of its path.
    pub(crate) options: Vec<String>,
    /// `systempaths=unconfined`: neither masked nor read-only paths.
    pub(crate) unconfined_paths: bool,
}

/// Checks the options and reads the files they name, since they are on this side of the connection.
pub(crate) fn resolve(options: &[String]) -> anyhow::Result<Security> {
    let mut security = Security::default();
    for option in options {
        match option.split_once('=') {
            _ if option == "systempaths=unconfined" => security.unconfined_paths = true,
            Some(("seccomp", profile)) if !matches!(profile, "unconfined" | "builtin") => {
                security.options.push(format!("seccomp={}", seccomp(profile)?));
            }
            // The separator was a colon before Docker 1.11, and the engine still takes it.
            None if option != "no-new-privileges" && !option.contains(':') => {
                bail!("Invalid --security-opt: {option:?}")
            }
            _ => security.options.push(option.clone()),
        }
    }
    Ok(security)
}

fn seccomp(path: &str) -> anyhow::Result<String> {
    let failed = |why: String| anyhow!("opening seccomp profile ({path}) failed: {why}");
    let text = std::fs::read_to_string(Path::new(path))
        .map_err(|error| failed(crate::error::go_io("open", path, &error).to_string()))?;
    let profile: Box<serde_json::value::RawValue> = serde_json::from_str(&text)
        .map_err(|error| anyhow!("compacting json for seccomp profile ({path}) failed: {error}"))?;
    Ok(crate::format::ordered::compact(profile.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(list: &[&str]) -> anyhow::Result<Security> {
        resolve(&list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn forms() {
        let security =
            options(&["no-new-privileges", "label:disable", "apparmor=x", "systempaths=unconfined"]).unwrap();
        assert_eq!(security.options, ["no-new-privileges", "label:disable", "apparmor=x"]);
        assert!(security.unconfined_paths);
        assert_eq!(options(&["x"]).unwrap_err().to_string(), r#"Invalid --security-opt: "x""#);
    }

    #[test]
    fn a_profile_is_sent_as_text() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{\n  \"defaultAction\": \"SCMP_ACT_ALLOW\",\n  \"a\": [1, 2]\n}\n").unwrap();
        let security = options(&[&format!("seccomp={}", file.path().display())]).unwrap();
        assert_eq!(security.options, [r#"seccomp={"defaultAction":"SCMP_ACT_ALLOW","a":[1,2]}"#]);
        assert_eq!(
            options(&["seccomp=/nonexistent"]).unwrap_err().to_string(),
            "opening seccomp profile (/nonexistent) failed: open /nonexistent: no such file or directory"
        );
        assert_eq!(options(&["seccomp=unconfined"]).unwrap().options, ["seccomp=unconfined"]);
    }
}
