//! A container's configuration on disk, for processes that are added to it later.
//!
//! Most of a configuration is its system call filter, and nearly all containers have the same one: filters are kept once, by
//! their digest, beside the containers. What is left has another name than a whole configuration: who knows nothing of
//! filters elsewhere, a keeper of an earlier version, must not take it for one without a filter.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use teu_oci::digest::Digest;
use teu_oci::runtime::{Linux, SeccompText, Spec};

use super::saved::{self, CONFIG};

/// The configuration but for the filter.
const WITHOUT_FILTER: &str = "config-without-filter.json";
/// Directory of the filters, in the exec root.
const FILTERS: &str = "filters";

/// Writes a configuration to a container's directory, and yields the name of its filter if that is elsewhere.
pub(super) fn write(exec_root: &Path, dir: &Path, spec: &Spec) -> io::Result<Option<String>> {
    let filtered = spec.linux.as_ref().and_then(|linux| Some((linux, linux.seccomp.as_ref()?)));
    // Hooks read the whole of it.
    let Some((linux, filter)) = filtered.filter(|_| spec.hooks.is_none()) else {
        return saved::write_atomically(dir, CONFIG, spec).map(|()| None);
    };
    let name = Digest::of(filter.as_str().as_bytes()).hex();
    let filters = exec_root.join(FILTERS);
    if !filters.join(&name).exists() {
        fs::DirBuilder::new().mode(0o700).recursive(true).create(&filters)?;
        saved::write_atomically(&filters, &name, filter)?;
    }
    let linux = Linux { seccomp: None, ..linux.clone() };
    saved::write_atomically(dir, WITHOUT_FILTER, &Spec { linux: Some(linux), ..spec.clone() })?;
    Ok(Some(name))
}

/// Reads a configuration whose filter has this name. None if it is not there.
pub(super) fn read(exec_root: &Path, dir: &Path, filter: Option<&str>) -> io::Result<Option<Spec>> {
    let Some(name) = filter else { return saved::read(dir, CONFIG) };
    let Some(mut spec) = saved::read::<Spec>(dir, WITHOUT_FILTER)? else { return Ok(None) };
    let filters = exec_root.join(FILTERS);
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("{} is missing", filters.join(name).display()));
    let filter: SeccompText = saved::read(&filters, name)?.ok_or_else(missing)?;
    spec.linux.get_or_insert_default().seccomp = Some(filter);
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
    use super::*;
    use teu_oci::runtime::{Hooks, Seccomp};

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
                write(root.path(), dir, spec).unwrap()
            })
            .collect();
        assert_eq!(names[0], names[1]);
        assert_ne!(names[0], names[2]);
        for ((dir, spec), name) in dirs.iter().zip(&specs).zip(&names) {
            let back = read(root.path(), dir, name.as_deref()).unwrap().unwrap();
            assert_eq!((text(&back), back.hostname.as_str()), (text(spec), "h"));
            assert!(!dir.join(CONFIG).exists(), "an earlier version would see no filter");
        }
        sweep(root.path(), &HashSet::from([names[0].as_deref().unwrap()]));
        assert!(read(root.path(), &dirs[1], names[1].as_deref()).is_ok());
        let missing = read(root.path(), &dirs[2], names[2].as_deref()).unwrap_err();
        assert!(missing.to_string().contains("is missing"), "{missing}");
    }

    #[test]
    fn without_a_filter_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(write(dir.path(), dir.path(), &spec(None)).unwrap(), None);
        assert!(dir.path().join(CONFIG).exists());
        assert!(text(&read(dir.path(), dir.path(), None).unwrap().unwrap()).is_none());
        assert!(read(dir.path(), &dir.path().join("other"), None).unwrap().is_none());
    }

    #[test]
    fn hooks_find_all_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let hooked = Spec { hooks: Some(Hooks::default()), ..spec(Some("X")) };
        assert_eq!(write(dir.path(), dir.path(), &hooked).unwrap(), None);
        assert_eq!(text(&saved::read::<Spec>(dir.path(), CONFIG).unwrap().unwrap()), text(&hooked));
    }
}
