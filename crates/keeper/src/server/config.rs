//! A container's configuration on disk, for processes that are added to it later.
//!
//! What those need of it is in `state.json`, beside what the keeper knows: the exec root is in memory, where a file takes a page
//! at least, and an inode. Most of what is left is the system call filter, and nearly all containers have the same one: filters are
//! kept once, by their digest, beside the containers.
//!
//! Keepers of earlier versions wrote a file of its own. One that takes over from a later one finds none, and adds no processes: it
//! must not take a configuration for one without a filter.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use teu_oci::digest::Digest;
use teu_oci::runtime::{Linux, SeccompText, Spec};

use super::saved::{self, CONFIG, STATE, Saved};

/// Earlier versions': the configuration but for the filter.
const WITHOUT_FILTER: &str = "config-without-filter.json";
/// Directory of the filters, in the exec root.
const FILTERS: &str = "filters";

/// What of a configuration stays.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Name of the filter, which is elsewhere.
    pub(super) filter: Option<String>,
    /// The rest, for [`write_state`].
    rest: Option<Box<RawValue>>,
}

/// Keeps what processes need that are added later: the filter at once, the rest with the state.
pub(super) fn keep(exec_root: &Path, dir: &Path, spec: &Spec) -> io::Result<Kept> {
    if spec.hooks.is_some() {
        // They read the whole of it.
        return saved::write_atomically(dir, CONFIG, spec).map(|()| Kept::default());
    }
    let filter = spec.linux.as_ref().and_then(|linux| linux.seccomp.as_ref());
    let filter = filter.map(|filter| keep_filter(exec_root, filter)).transpose()?;
    Ok(Kept { filter, rest: Some(serde_json::value::to_raw_value(&needed_later(spec))?) })
}

fn keep_filter(exec_root: &Path, filter: &SeccompText) -> io::Result<String> {
    let name = Digest::of(filter.as_str().as_bytes()).hex();
    let filters = exec_root.join(FILTERS);
    if !filters.join(&name).exists() {
        fs::DirBuilder::new().mode(0o700).recursive(true).create(&filters)?;
        saved::write_atomically(&filters, &name, filter)?;
    }
    Ok(name)
}

/// A configuration without what has had its effect once the container is there, and without the filter.
fn needed_later(spec: &Spec) -> Spec {
    let linux = spec.linux.as_ref().map(|linux| Linux {
        uid_mappings: linux.uid_mappings.clone(),
        gid_mappings: linux.gid_mappings.clone(),
        cgroups_path: linux.cgroups_path.clone(),
        namespaces: linux.namespaces.clone(),
        mount_label: linux.mount_label.clone(),
        memory_policy: linux.memory_policy.clone(),
        personality: linux.personality.clone(),
        ..Linux::default()
    });
    Spec {
        oci_version: spec.oci_version.clone(),
        process: spec.process.clone(),
        annotations: spec.annotations.clone(),
        linux,
        ..Spec::default()
    }
}

/// `state.json` of a container.
#[derive(Serialize)]
struct State<'a> {
    #[serde(flatten)]
    saved: &'a Saved,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<&'a RawValue>,
}

/// What of `state.json` is the configuration.
#[derive(Default, Deserialize)]
struct Configured {
    #[serde(default)]
    config: Option<Spec>,
}

/// Writes what is known of a process, and of a container's what is kept of its configuration.
pub(super) fn write_state(dir: &Path, saved: &Saved, kept: &Kept) -> io::Result<()> {
    saved::write_atomically(dir, STATE, &State { saved, config: kept.rest.as_deref() })
}

/// Reads what is kept of a configuration whose filter has this name. None if it is not there.
pub(super) fn read(exec_root: &Path, dir: &Path, filter: Option<&str>) -> io::Result<Option<Spec>> {
    let state: Configured = saved::read(dir, STATE)?.unwrap_or_default();
    let found = match (state.config, filter) {
        (Some(spec), _) => Some(spec),
        (None, Some(_)) => saved::read(dir, WITHOUT_FILTER)?,
        (None, None) => saved::read(dir, CONFIG)?,
    };
    let Some(mut spec) = found else { return Ok(None) };
    if let Some(name) = filter {
        let filters = exec_root.join(FILTERS);
        let missing =
            || io::Error::new(io::ErrorKind::NotFound, format!("{} is missing", filters.join(name).display()));
        let filter: SeccompText = saved::read(&filters, name)?.ok_or_else(missing)?;
        spec.linux.get_or_insert_default().seccomp = Some(filter);
    }
    Ok(Some(spec))
}

/// Removes filters that no container has any more.
pub(super) fn sweep(exec_root: &Path, used: &HashSet<&str>) {
    let Ok(entries) = fs::read_dir(exec_root.join(FILTERS)) else { return };
    let unused = |path: &PathBuf| path.file_name().and_then(|n| n.to_str()).is_none_or(|name| !used.contains(name));
    for path in entries.flatten().map(|entry| entry.path()).filter(unused) {
        // What cannot be removed only takes its place.
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use teu_oci::runtime::{Hooks, IdMapping, Mount, Process, Seccomp};

    use super::*;
    use crate::protocol::{ProcessRef, RuntimeChoice};

    fn spec(filter: Option<&str>) -> Spec {
        let text = |name: &str| {
            let filter = Seccomp { architectures: vec![name.to_owned()], ..Seccomp::default() };
            SeccompText::of(&filter).unwrap()
        };
        Spec {
            hostname: "h".into(),
            linux: Some(Linux { seccomp: filter.map(text), ..Linux::default() }),
            ..Spec::default()
        }
    }

    fn text(spec: &Spec) -> Option<&str> {
        spec.linux.as_ref()?.seccomp.as_ref().map(SeccompText::as_str)
    }

    fn saved(filter: Option<String>) -> Saved {
        Saved { filter, ..Saved::new(ProcessRef::container("c"), RuntimeChoice::Native) }
    }

    /// As a start does it. Gives the filter's name.
    fn write(root: &Path, dir: &Path, spec: &Spec) -> Option<String> {
        let kept = keep(root, dir, spec).unwrap();
        write_state(dir, &saved(kept.filter.clone()), &kept).unwrap();
        kept.filter
    }

    #[test]
    fn a_filter_is_kept_once_and_comes_back() {
        let root = tempfile::tempdir().unwrap();
        let dirs: Vec<PathBuf> = ["a", "b", "c"].iter().map(|name| root.path().join(name)).collect();
        let specs = [spec(Some("X")), spec(Some("X")), spec(Some("Y"))];
        let names: Vec<Option<String>> = dirs
            .iter()
            .zip(&specs)
            .map(|(dir, spec)| {
                fs::create_dir(dir).unwrap();
                write(root.path(), dir, spec)
            })
            .collect();
        assert_eq!(names[0], names[1]);
        assert_ne!(names[0], names[2]);
        for ((dir, spec), name) in dirs.iter().zip(&specs).zip(&names) {
            let back = read(root.path(), dir, name.as_deref()).unwrap().unwrap();
            assert_eq!(text(&back), text(spec));
            assert!(!dir.join(CONFIG).exists(), "an earlier version would see no filter");
        }
        sweep(root.path(), &HashSet::from([names[0].as_deref().unwrap()]));
        assert!(read(root.path(), &dirs[1], names[1].as_deref()).is_ok());
        let missing = read(root.path(), &dirs[2], names[2].as_deref()).unwrap_err();
        assert!(missing.to_string().contains("is missing"), "{missing}");
    }

    #[test]
    fn what_later_processes_need_is_in_the_state() {
        let dir = tempfile::tempdir().unwrap();
        let process = Process { oom_score_adj: Some(7), ..Process::default() };
        let mappings = vec![IdMapping { container_id: 0, host_id: 100_000, size: 65_536 }];
        let linux = Linux { uid_mappings: mappings, masked_paths: vec!["/proc/keys".into()], ..Linux::default() };
        let annotations = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let mounts = vec![Mount { destination: "/proc".into(), ..Mount::default() }];
        let whole = Spec { process: Some(process), linux: Some(linux), annotations, mounts, ..Spec::default() };
        assert_eq!(write(dir.path(), dir.path(), &whole), None);
        let back = read(dir.path(), dir.path(), None).unwrap().unwrap();
        assert_eq!((&back.process, &back.annotations), (&whole.process, &whole.annotations));
        let (back, whole) = (back.linux.unwrap(), whole.linux.unwrap());
        assert_eq!((back.uid_mappings, back.masked_paths), (whole.uid_mappings, Vec::new()));
        let state: Saved = saved::read(dir.path(), STATE).unwrap().expect("what is known is beside it");
        assert_eq!(state.process, ProcessRef::container("c"));
        assert_eq!(saved::subdirectories(dir.path()), Vec::<PathBuf>::new());
        assert!(read(dir.path(), &dir.path().join("other"), None).unwrap().is_none());
    }

    #[test]
    fn earlier_versions_have_files_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let name = keep(dir.path(), dir.path(), &spec(Some("X"))).unwrap().filter;
        saved::write_atomically(dir.path(), STATE, &saved(name.clone())).unwrap();
        saved::write_atomically(dir.path(), WITHOUT_FILTER, &spec(None)).unwrap();
        let back = read(dir.path(), dir.path(), name.as_deref()).unwrap().unwrap();
        assert_eq!((text(&back), back.hostname.as_str()), (text(&spec(Some("X"))), "h"));
        saved::write_atomically(dir.path(), CONFIG, &spec(Some("Z"))).unwrap();
        assert_eq!(text(&read(dir.path(), dir.path(), None).unwrap().unwrap()), text(&spec(Some("Z"))));
    }

    #[test]
    fn hooks_find_all_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let hooked = Spec { hooks: Some(Hooks::default()), ..spec(Some("X")) };
        assert_eq!(write(dir.path(), dir.path(), &hooked), None);
        assert_eq!(text(&saved::read::<Spec>(dir.path(), CONFIG).unwrap().unwrap()), text(&hooked));
        assert_eq!(text(&read(dir.path(), dir.path(), None).unwrap().unwrap()), text(&hooked));
    }
}
