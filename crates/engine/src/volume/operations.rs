//! What clients do with volumes by name.

use std::collections::BTreeMap;

use jiff::Timestamp;
use teu_api::filters::Filters;
use teu_api::volume::{CreateRequest, List, Volume};

use super::record::{ANONYMOUS, Record};
use super::{Volumes, check_name};
use crate::events::Subject;
use crate::{Engine, Error, ids, time};

/// The only driver there is.
pub(super) const LOCAL: &str = "local";

const KNOWN: &[&str] = &["dangling", "driver", "label", "name"];

/// Refuses a driver that is not there, in Docker's words.
pub(super) fn check_driver(driver: &str) -> Result<(), String> {
    if matches!(driver, "" | LOCAL) {
        return Ok(());
    }
    Err(format!("error looking up volume plugin {driver}: plugin {driver:?} not found"))
}

impl Engine {
    /// Lists volumes, by name.
    ///
    /// # Errors
    /// An unknown filter, or a filter value that makes no sense.
    pub async fn volume_list(&self, filters: &Filters) -> Result<List, Error> {
        filters.validate(KNOWN).map_err(|e| Error::Invalid(e.to_string()))?;
        let dangling = filters.boolean("dangling").map_err(|e| Error::Invalid(e.to_string()))?;
        let volumes = self.volumes().clone();
        let mut all = blocking(move || volumes.list()).await?;
        let none = BTreeMap::new();
        all.retain(|volume| {
            filters.matches_by("name", |name| volume.name.contains(name))
                && filters.matches("driver", &volume.driver)
                && filters.matches_labels("label", volume.labels.as_ref().unwrap_or(&none))
                && dangling.is_none_or(|dangling| dangling == self.volume_users(&volume.name).is_empty())
        });
        Ok(List { volumes: all, warnings: None })
    }

    /// Everything about a volume.
    ///
    /// # Errors
    /// No such volume.
    pub async fn volume_inspect(&self, name: &str) -> Result<Volume, Error> {
        let (volumes, name) = (self.volumes().clone(), name.to_owned());
        blocking(move || volumes.describe(&name)?.ok_or_else(|| no_such(&name))).await
    }

    /// Makes a volume. One that has the name already is the answer.
    ///
    /// # Errors
    /// A name that is not allowed; another driver than `local`; options, which are not supported yet.
    pub async fn volume_create(&self, request: CreateRequest) -> Result<Volume, Error> {
        check_driver(&request.driver)
            .map_err(|reason| Error::NotFound(format!("create {}: {reason}", request.name)))?;
        if request.driver_opts.is_some_and(|options| !options.is_empty()) {
            return Err(Error::Unsupported("--opt of a volume".to_owned()));
        }
        let (mut name, mut labels) = (request.name, request.labels);
        if name.is_empty() {
            name = ids::random_id()?;
            labels.get_or_insert_default().insert(ANONYMOUS.to_owned(), String::new());
        }
        check_name(&name)?;
        let volumes = self.volumes().clone();
        let (volume, is_new) = blocking(move || volumes.create(&name, labels)).await?;
        if is_new {
            self.volume_event("create", &volume.name);
        }
        Ok(volume)
    }

    /// Removes a volume; with `force`, one that is not there is no failure.
    ///
    /// # Errors
    /// No such volume; containers use it.
    pub async fn volume_remove(&self, name: &str, force: bool) -> Result<(), Error> {
        let users = self.volume_users(name);
        if !users.is_empty() {
            return Err(Error::Conflict(format!("remove {name}: volume is in use - [{}]", users.join(", "))));
        }
        let (volumes, owned) = (self.volumes().clone(), name.to_owned());
        let found = blocking(move || match volumes.describe(&owned)? {
            Some(_) => volumes.remove(&owned).map(|()| true),
            None if force => Ok(false),
            None => Err(no_such(&owned)),
        });
        if found.await? {
            self.volume_event("destroy", name);
        }
        Ok(())
    }

    /// Ids of the containers that mount a volume, running or not.
    pub(crate) fn volume_users(&self, name: &str) -> Vec<String> {
        let uses = |view: &crate::container::View| view.definition.mounts.iter().any(|m| m.volume() == Some(name));
        self.containers().all().iter().filter(|handle| uses(&handle.view())).map(|handle| handle.id.clone()).collect()
    }

    pub(crate) fn volume_event(&self, action: &str, name: &str) {
        let attributes = BTreeMap::from([("driver".to_owned(), LOCAL.to_owned())]);
        self.events().publish(Subject::Volume, action, name, attributes);
    }
}

impl Volumes {
    pub(super) fn list(&self) -> Result<Vec<Volume>, Error> {
        let failed = |source| Error::File { path: self.root.clone(), source };
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed(source)),
        };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names.iter().map(|name| self.describe(name)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn describe(&self, name: &str) -> Result<Option<Volume>, Error> {
        let content = self.folder(name);
        // A name from outside must not lead out of the folder of volumes.
        if check_name(name).is_err() || !content.is_dir() {
            return Ok(None);
        }
        let record = Record::read(&self.root.join(name), name)?;
        Ok(Some(Volume {
            created_at: time::show(record.created),
            driver: LOCAL.to_owned(),
            labels: record.labels,
            mountpoint: content.to_string_lossy().into_owned(),
            name: name.to_owned(),
            options: None,
            scope: "local".to_owned(),
            usage_data: None,
        }))
    }

    /// The volume of this name, and whether it was made just now.
    fn create(&self, name: &str, labels: Option<BTreeMap<String, String>>) -> Result<(Volume, bool), Error> {
        if let Some(known) = self.describe(name)? {
            return Ok((known, false));
        }
        let folder = self.root.join(name);
        std::fs::create_dir_all(&folder).map_err(|source| Error::File { path: folder.clone(), source })?;
        // The content last: with it the volume is there, with all that is known about it.
        Record { created: Some(Timestamp::now()), labels }.write(&folder)?;
        self.ensure(name)?;
        let made = self.describe(name)?;
        made.map(|volume| (volume, true)).ok_or_else(|| no_such(name))
    }
}

fn no_such(name: &str) -> Error {
    Error::NotFound(format!("get {name}: no such volume"))
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Part { part: "volume", message: e.to_string() })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_made_once_and_described() {
        let folder = tempfile::tempdir().expect("a folder");
        let volumes = Volumes::new(folder.path().join("volumes"));
        assert_eq!(volumes.list().expect("a list"), []);
        let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let (made, is_new) = volumes.create("data", Some(labels.clone())).expect("made");
        assert!(is_new && made.mountpoint.ends_with("/data/_data") && made.labels == Some(labels));
        assert_eq!(volumes.create("data", None).expect("found"), (made.clone(), false));
        // What comes with a container has no record.
        volumes.ensure("bare").expect("made");
        volumes.ensure(&"0".repeat(64)).expect("made");
        let all = volumes.list().expect("a list");
        assert_eq!(all.iter().map(|v| v.name.len()).collect::<Vec<_>>(), [64, 4, 4]);
        assert!(all[0].labels.as_ref().is_some_and(|labels| labels.len() == 1) && all[1].labels.is_none());
        assert!(all.iter().all(|volume| volume.created_at.starts_with("20")));
        assert_eq!(volumes.describe("../volumes/data").expect("no failure"), None);
        volumes.remove("data").expect("removed");
        // Removals that were cut.
        for left in [".gone-data/_data/sub", ".gone-other/_data", "half", "foreign"] {
            std::fs::create_dir_all(volumes.root().join(left)).expect("made");
        }
        volumes.ensure("data").expect("made");
        volumes.remove("data").expect("removed");
        volumes.sweep();
        let left: Vec<_> = volumes.list().expect("a list").into_iter().map(|v| v.name.len()).collect();
        assert_eq!((left, std::fs::read_dir(volumes.root()).expect("listed").count()), (vec![64, 4], 2));
        assert_eq!(volumes.describe("data").expect("no failure"), None);
    }
}
