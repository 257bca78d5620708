//! All containers, by id and by name.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use super::handle::Handle;
use super::{link, names};
use crate::Error;

/// All containers. The lock is held for look-ups only.
#[derive(Debug, Default)]
pub(crate) struct Index(RwLock<Maps>);

#[derive(Debug, Default)]
struct Maps {
    by_id: BTreeMap<String, Arc<Handle>>,
    /// Names to ids; a name is taken before its container is there.
    names: HashMap<String, String>,
}

impl Index {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, Maps> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Maps> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// All containers, by id.
    pub(crate) fn all(&self) -> Vec<Arc<Handle>> {
        self.read().by_id.values().cloned().collect()
    }

    /// The container with exactly this id.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Handle>> {
        self.read().by_id.get(id).cloned()
    }

    /// The container with this id, this name, or the only one whose id begins so; in this order, as Docker does.
    /// `container/alias` is the one that a link leads to.
    pub(crate) fn find(&self, wanted: &str) -> Result<Arc<Handle>, Error> {
        if let Some((parent, alias)) = link::parts(wanted) {
            let missing = || Error::NoSuchContainer(wanted.to_owned());
            let parent = self.find(parent).map_err(|_| missing())?.view();
            return link::target(&parent.definition, alias).and_then(|id| self.get(id)).ok_or_else(missing);
        }
        let missing = || Error::NoSuchContainer(wanted.to_owned());
        let maps = self.read();
        if let Some(handle) = maps.by_id.get(wanted) {
            return Ok(Arc::clone(handle));
        }
        let name = wanted.strip_prefix('/').unwrap_or(wanted);
        if let Some(id) = maps.names.get(name) {
            return maps.by_id.get(id).cloned().ok_or_else(missing);
        }
        if wanted.is_empty() {
            return Err(missing());
        }
        let mut matching =
            maps.by_id.range(wanted.to_owned()..).take_while(|(id, _)| id.starts_with(wanted)).map(|(_, h)| h);
        match (matching.next(), matching.next()) {
            (None, _) => Err(missing()),
            (Some(handle), None) => Ok(Arc::clone(handle)),
            (Some(_), Some(_)) => Err(Error::AmbiguousPrefix(wanted.to_owned())),
        }
    }

    /// Takes `name` for the container `id`.
    pub(crate) fn reserve(&self, name: &str, id: &str) -> Result<(), Error> {
        let mut maps = self.write();
        match maps.names.get(name) {
            Some(owner) => Err(Error::NameInUse { name: name.to_owned(), id: owner.clone() }),
            None => {
                maps.names.insert(name.to_owned(), id.to_owned());
                Ok(())
            }
        }
    }

    /// Takes a random name for the container `id`.
    pub(crate) fn reserve_random(&self, id: &str) -> String {
        let mut maps = self.write();
        let name = names::random(|name| maps.names.contains_key(name));
        maps.names.insert(name.clone(), id.to_owned());
        name
    }

    /// Gives a name back that belongs to `id`.
    pub(crate) fn release(&self, name: &str, id: &str) {
        let mut maps = self.write();
        if maps.names.get(name).is_some_and(|owner| owner == id) {
            maps.names.remove(name);
        }
    }

    /// Adds a container whose name is taken already.
    pub(crate) fn add(&self, handle: Arc<Handle>) {
        self.write().by_id.insert(handle.id.clone(), handle);
    }

    /// Takes a container out, with its name.
    pub(crate) fn remove(&self, id: &str) {
        let mut maps = self.write();
        maps.by_id.remove(id);
        maps.names.retain(|_, owner| owner != id);
    }
}
