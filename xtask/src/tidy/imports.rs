//! Which crate may import which: the layers of `ARCHITECTURE.md`.

use super::Finding;
use super::tree::{Manifest, Workspace};

/// The table of `ARCHITECTURE.md`: a crate and the workspace crates it may name in its dependencies.
const ALLOWED: &[(&str, &[&str])] = &[
    ("oci", &[]),
    ("archive", &[]),
    ("sys", &[]),
    ("runtime", &["oci", "sys"]),
    ("keeper", &["oci", "sys", "runtime"]),
    ("registry", &["oci"]),
    ("image", &["archive", "oci", "sys", "registry"]),
    ("network", &["oci", "sys"]),
    ("api", &["oci"]),
    ("engine", &["api", "archive", "oci", "sys", "runtime", "image", "network", "keeper", "registry"]),
    ("daemon", &["api", "engine", "image", "keeper", "network", "oci", "registry", "runtime", "sys"]),
    ("cli", &["api", "archive", "oci"]),
    ("teu", &["cli", "daemon", "keeper", "runtime", "registry", "sys"]),
    ("testkit", &["oci", "sys"]),
];

/// Dependencies of each crate against the table.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    workspace.manifests.iter().flat_map(check_manifest).collect()
}

fn check_manifest(manifest: &Manifest) -> Vec<Finding> {
    let place = format!("crates/{}/Cargo.toml", manifest.name);
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == manifest.name) else {
        return vec![Finding::new(place, "the crate is not in the table of xtask/src/tidy/imports.rs: add its layer")];
    };
    dependencies(&manifest.text)
        .filter(|dependency| !allowed.contains(dependency))
        .map(|dependency| Finding::new(&place, format!("{} may not import {dependency}", manifest.name)))
        .collect()
}

/// Workspace crates in `[dependencies]`; what tests use (`[dev-dependencies]`) is free.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter_map(move |line| {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
        }
        let name = line.strip_prefix("teu-").filter(|_| inside)?;
        name.split(['.', ' ', '=']).next()
    })
}

/// Every crate has its row in `ARCHITECTURE.md`.
pub(crate) fn check_map(workspace: &Workspace) -> Vec<Finding> {
    let missing = |manifest: &&Manifest| !workspace.architecture.contains(&format!("| `{}` |", manifest.name));
    workspace
        .manifests
        .iter()
        .filter(missing)
        .map(|manifest| Finding::new("ARCHITECTURE.md", format!("crate {} has no row in the map", manifest.name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_normal_dependencies_count() {
        let manifest =
            "[dependencies]\nteu-oci.workspace = true\nserde = \"1\"\n[dev-dependencies]\nteu-testkit = {}\n";
        assert_eq!(dependencies(manifest).collect::<Vec<_>>(), ["oci"]);
    }

    #[test]
    fn a_forbidden_import_is_named() {
        let text = "[dependencies]\nteu-daemon.workspace = true\n".to_owned();
        let findings = check_manifest(&Manifest { name: "sys".to_owned(), text });
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].message, "sys may not import daemon");
    }
}
