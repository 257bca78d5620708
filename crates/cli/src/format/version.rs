//! The text of `version`.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use teu_api::system::{Component, Version};

use super::time;

/// What the client tells about itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ClientVersion {
    /// Version of this program.
    pub(crate) version: String,
    /// API version in use.
    pub(crate) api_version: String,
    /// Newest API version known.
    #[serde(rename = "DefaultAPIVersion")]
    pub(crate) default_api_version: String,
    /// Commit it was built from.
    pub(crate) git_commit: String,
    /// Operating system.
    pub(crate) os: String,
    /// Processor architecture as Go names it.
    pub(crate) arch: String,
    /// When the sources of it were made.
    pub(crate) build_time: String,
    /// Context in use.
    pub(crate) context: String,
}

/// The half about the client.
pub(crate) fn client_text(client: &ClientVersion) -> String {
    let ClientVersion { version, api_version, default_api_version, git_commit, build_time, os, arch, context } = client;
    let api = if api_version == default_api_version {
        api_version.clone()
    } else {
        format!("{api_version} (downgraded from {default_api_version})")
    };
    let lines = [
        ("Version", version),
        ("API version", &api),
        ("Git commit", git_commit),
        ("Built", build_time),
        ("OS/Arch", &format!("{os}/{arch}")),
        ("Context", context),
    ];
    lines.iter().fold("Client:\n".to_owned(), |mut out, (name, value)| {
        line(&mut out, 1, name, value);
        out
    })
}

fn line(out: &mut String, depth: usize, name: &str, value: &str) {
    // Values stand in one column, whatever the depth. Writing to a string cannot fail.
    let label = format!("{}{name}:", " ".repeat(depth));
    let _ = writeln!(out, "{label:20}{value}");
}

/// The half about the engine, out of the answer to `GET /version`.
pub(crate) fn server_text(answer: &str) -> serde_json::Result<String> {
    let version: Version = serde_json::from_str(answer)?;
    let platform = version.platform.name.as_str();
    let mut out = if platform.is_empty() { "Server:\n".to_owned() } else { format!("Server: {platform}\n") };
    let engine = Component { name: "Engine".to_owned(), version: version.version.clone(), details: None };
    for component in version.components.as_deref().unwrap_or(&[engine]) {
        let _ = writeln!(out, " {}:", component.name);
        line(&mut out, 2, "Version", &component.version);
        let detail = |key: &str| component.details.as_ref().and_then(|details| details.get(key)).cloned();
        if component.name != "Engine" {
            if let Some(commit) = detail("GitCommit") {
                line(&mut out, 2, "GitCommit", &commit);
            }
            continue;
        }
        let detail = |key: &str, otherwise: &str| detail(key).unwrap_or_else(|| otherwise.to_owned());
        let api = detail("ApiVersion", &version.api_version);
        let minimum = detail("MinAPIVersion", &version.min_api_version);
        line(&mut out, 2, "API version", &format!("{api} (minimum version {minimum})"));
        line(&mut out, 2, "Go version", &detail("GoVersion", &version.go_version));
        line(&mut out, 2, "Git commit", &detail("GitCommit", &version.git_commit));
        line(&mut out, 2, "Built", &time::ansic(&detail("BuildTime", &version.build_time)));
        let system = format!("{}/{}", detail("Os", &version.os), detail("Arch", &version.arch));
        line(&mut out, 2, "OS/Arch", &system);
        line(&mut out, 2, "Experimental", &detail("Experimental", &version.experimental.to_string()));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_docker_prints_it() {
        let answer = r#"{"Platform":{"Name":""},"Components":[{"Name":"Engine","Version":"26.1.5","Details":{"ApiVersion":"1.45",
            "Arch":"amd64","BuildTime":"2026-08-13T05:35:47.000000000+00:00","Experimental":"false","GitCommit":"411e817",
            "GoVersion":"go1.24.4","MinAPIVersion":"1.24","Os":"linux"}},
            {"Name":"runc","Version":"1.1.15","Details":{"GitCommit":""}}],"Version":"26.1.5"}"#;
        let want = "Server:
 Engine:
  Version:          26.1.5
  API version:      1.45 (minimum version 1.24)
  Go version:       go1.24.4
  Git commit:       411e817
  Built:            Thu Aug 13 05:35:47 2026
  OS/Arch:          linux/amd64
  Experimental:     false
 runc:
  Version:          1.1.15
  GitCommit:        \n";
        assert_eq!(server_text(answer).unwrap(), want);
    }
}
