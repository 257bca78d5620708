use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use teu_oci::runtime::Status;
use teu_sys::cgroup::{Cgroup, Hierarchy};

use super::{Condition, Gate, Record};

/// Longest id; with the directory it must fit a path.
const MAX_ID: usize = 1024;
/// File of a container's record.
const RECORD: &str = "state.json";

/// The directory (`--root`) with a directory per container.
#[derive(Debug)]
pub(crate) struct Store {
    root: PathBuf,
}

/// A container in the store.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) directory: PathBuf,
    pub(crate) record: Record,
}

impl Store {
    pub(crate) fn new(root: &Path) -> Store {
        Store { root: root.to_owned() }
    }

    /// Where compiled system call filters are kept.
    pub(crate) fn filters(&self) -> PathBuf {
        self.root.join(".filters")
    }

    /// Makes the directory of a new container.
    pub(crate) fn reserve(&self, id: &str) -> Result<PathBuf> {
        check_id(id)?;
        let directory = self.root.join(id);
        let make = |path: &Path, recursive| fs::DirBuilder::new().mode(0o711).recursive(recursive).create(path);
        let mut made = make(&directory, false);
        if made.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            make(&self.root, true).with_context(|| format!("make {}", self.root.display()))?;
            made = make(&directory, false);
        }
        match made {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => bail!("container with given ID already exists: {id}"),
            other => other.with_context(|| format!("make {}", directory.display()))?,
        }
        Ok(directory)
    }

    /// Opens a container.
    pub(crate) fn open(&self, id: &str) -> Result<Container> {
        check_id(id)?;
        let directory = self.root.join(id);
        let path = directory.join(RECORD);
        let text = match fs::read(&path) {
            // The wording that containerd looks for.
            Err(e) if e.kind() == io::ErrorKind::NotFound => bail!("container does not exist: {id}"),
            other => other.with_context(|| format!("read {}", path.display()))?,
        };
        let record = serde_json::from_slice(&text).with_context(|| format!("parse {}", path.display()))?;
        Ok(Container { directory, record })
    }

    /// Removes what is left of a container whose record was never written.
    pub(crate) fn remove_unfinished(&self, id: &str) -> Result<bool> {
        check_id(id)?;
        let directory = self.root.join(id);
        if directory.join(RECORD).exists() || !directory.exists() {
            return Ok(false);
        }
        fs::remove_dir_all(&directory).with_context(|| format!("remove {}", directory.display()))?;
        Ok(true)
    }

    /// All containers, by id. Those that vanish meanwhile, or are half made, are left out.
    pub(crate) fn list(&self) -> Result<Vec<Container>> {
        let entries = match fs::read_dir(&self.root) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.with_context(|| format!("read {}", self.root.display()))?,
        };
        let mut containers: Vec<Container> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|id| self.open(&id).ok())
            .collect();
        containers.sort_by(|a, b| a.record.id.cmp(&b.record.id));
        Ok(containers)
    }
}

impl Container {
    /// Writes the record: all of it or nothing.
    pub(crate) fn save(&self) -> Result<()> {
        let path = self.directory.join(RECORD);
        let temporary = self.directory.join(".state.json");
        let text = serde_json::to_vec(&self.record).context("write the container's state")?;
        fs::write(&temporary, text).with_context(|| format!("write {}", temporary.display()))?;
        fs::rename(&temporary, &path).with_context(|| format!("write {}", path.display()))
    }

    /// Where the container is in its life.
    pub(crate) fn status(&self) -> Status {
        let Condition::Alive(_) = self.record.condition() else { return Status::Stopped };
        if Gate::exists(&self.directory) {
            return Status::Created;
        }
        let frozen = self.cgroup().ok().flatten().is_some_and(|c| c.is_frozen().unwrap_or(false));
        if frozen { Status::Paused } else { Status::Running }
    }

    /// The container's cgroup, where it has one.
    pub(crate) fn cgroup(&self) -> Result<Option<Cgroup>> {
        let Some(path) = &self.record.cgroup else { return Ok(None) };
        let hierarchy = Hierarchy::detect()?;
        match Cgroup::open(&hierarchy, path) {
            Err(teu_sys::cgroup::Error::NotFound { .. }) => Ok(None),
            other => Ok(Some(other?)),
        }
    }

    /// Removes the container's directory.
    pub(crate) fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.directory) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.with_context(|| format!("remove {}", self.directory.display())),
        }
    }
}

/// Ids are names of directories, and of nothing else.
fn check_id(id: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
    ensure!(
        !id.is_empty() && id.len() <= MAX_ID && id != "." && id != ".." && id.chars().all(allowed),
        "invalid container ID format: {id:?}"
    );
    ensure!(!id.starts_with(".filters"), "invalid container ID format: {id:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_the_directory() {
        for good in ["a", "0123abc", "a.b_c-d+e", "..."] {
            assert!(check_id(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "../x", "a b", "a\0", "é", ".filters"] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_is_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(&dir.path().join("run/teu-runtime"));
        store.reserve("c").unwrap();
        assert!(store.reserve("c").unwrap_err().to_string().contains("already exists"));
        assert!(store.open("c").unwrap_err().to_string().contains("does not exist"));
        assert!(store.list().unwrap().is_empty());
        assert!(store.remove_unfinished("c").unwrap());
        assert!(!store.remove_unfinished("c").unwrap());
    }
}
