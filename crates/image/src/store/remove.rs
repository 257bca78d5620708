//! `rmi` and `prune`, by Docker's rules.

use std::collections::HashSet;
use std::sync::PoisonError;

use teu_oci::digest::{Digest, chain_ids};
use teu_oci::id::short;
use teu_oci::reference::Reference;

use super::Store;
use super::resolve::full_id;
use crate::error::{Conflict, Error, Result};
use crate::layer::LayerInfo;
use crate::model::{ContainerUse, ImageSummary, ListOptions, Pruned, Removed};

impl Store {
    /// Takes away a name or deletes an image by Docker's rules. `containers` are all that exist.
    ///
    /// # Errors
    /// `NoSuchImage`, `Conflict`.
    pub fn remove(&self, name: &str, force: bool, containers: &[ContainerUse]) -> Result<Vec<Removed>> {
        let id = self.0.find(name)?;
        let _unhindered = self.0.reaper.pause();
        let mut removal = Removal { store: self, id, force, containers, records: Vec::new(), freed: Vec::new() };
        if is_id(&id, name) {
            removal.by_id()?
        } else {
            removal.by_name(name)?
        }
        self.0.db.settle()?;
        Ok(removal.records)
    }

    /// Removes images that no container uses and `wanted` accepts: the dangling ones, or with `all` the tagged ones too.
    /// An image that cannot be removed is passed over and logged.
    ///
    /// # Errors
    /// If the database fails.
    pub fn prune(
        &self,
        all: bool,
        wanted: impl Fn(&ImageSummary) -> bool,
        containers: &[ContainerUse],
    ) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        loop {
            let images = self.list(&ListOptions::default())?;
            let parents: HashSet<Digest> = images.iter().filter_map(|image| image.parent).collect();
            let prunable = |image: &&ImageSummary| {
                let used = containers.iter().any(|container| container.image == image.id);
                // What others were made from goes after them.
                let between = image.tags.is_empty() && image.digests.is_empty() && parents.contains(&image.id);
                !used && !between && (all || image.tags.is_empty()) && wanted(image)
            };
            let before = pruned.removed.len();
            images.iter().filter(prunable).for_each(|image| self.prune_one(image, containers, &mut pruned));
            if pruned.removed.len() == before {
                break;
            }
        }
        pruned.reclaimed += self.collect_garbage()?;
        self.0.db.settle()?;
        Ok(pruned)
    }

    fn prune_one(&self, image: &ImageSummary, containers: &[ContainerUse], pruned: &mut Pruned) {
        let mut removal =
            Removal { store: self, id: image.id, force: false, containers, records: Vec::new(), freed: Vec::new() };
        let names: Vec<_> = image.tags.iter().chain(&image.digests).cloned().collect();
        if let Err(error) = removal.prune(&names) {
            tracing::warn!(image = %image.id, %error, "an image could not be pruned");
        }
        // Also half of it is told.
        pruned.records(removal);
    }
}

impl Pruned {
    fn records(&mut self, removal: Removal<'_>) {
        self.removed.extend(removal.records);
        self.reclaimed += removal.freed.iter().map(|layer| layer.disk_size).sum::<u64>();
    }
}

/// One removal on its way.
struct Removal<'a> {
    store: &'a Store,
    id: Digest,
    force: bool,
    containers: &'a [ContainerUse],
    records: Vec<Removed>,
    freed: Vec<LayerInfo>,
}

impl Removal<'_> {
    /// A name was given: take it away, and delete the image when it was the last.
    fn by_name(&mut self, name: &str) -> Result<()> {
        let names = self.names()?;
        if !self.force
            && single_repository(&names)
            && let Some(user) = self.users().next()
        {
            return Err(Error::Conflict(Conflict::ReferenceInUse {
                reference: name.to_owned(),
                container: short(&user.container).to_owned(),
                image: self.id.short(),
            }));
        }
        let reference = Reference::parse(name)?.with_default_tag();
        let (mut gone, mut left): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| is_same(name, &reference));
        let of_it = |other: &Reference| other.repository() == reference.repository();
        // With the last tag of a repository its digests go too.
        if reference.digest().is_none() && !left.iter().any(|name| name.tag().is_some() && of_it(name)) {
            gone.extend(left.extract_if(.., |name| of_it(name)));
        }
        // A container in the way is no error: the name is gone and the image stays as long as the container.
        if left.is_empty() && self.check_users().is_ok() { self.delete() } else { self.untag(&gone) }
    }

    /// An id was given: delete the image with its names, if they are of one repository or it is forced.
    fn by_id(&mut self) -> Result<()> {
        let names = self.names()?;
        self.check_running()?;
        if !self.force && !names.is_empty() && !single_repository(&names) {
            return Err(self.named_elsewhere());
        }
        self.check_users()?;
        self.delete()
    }

    /// Deletes the image with the names that it had, unless it has got others.
    fn prune(&mut self, had: &[Reference]) -> Result<()> {
        if self.names()?.iter().any(|name| !had.contains(name)) {
            return Err(self.named_elsewhere());
        }
        self.check_users()?;
        self.delete()
    }

    /// Deletes the image with its names, at once: whatever dies meanwhile, it is there with them or not at all.
    fn delete(&mut self) -> Result<()> {
        let names = self.names()?;
        let layers = self.store.0.db.image_layers(&self.id)?;
        let alone = self.store.0.lock_collecting();
        self.store.0.db.delete_image(&self.id)?;
        self.record_untagged(&names);
        self.store.0.configs.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        self.records.push(Removed::DeletedImage(self.id));
        let freed = self.store.0.collect(&alone)?;
        let chain = chain_ids(&layers);
        for (diff_id, chain_id) in layers.iter().zip(&chain).rev() {
            if freed.iter().any(|layer| layer.diff_id == *diff_id) {
                self.records.push(Removed::DeletedLayer(*chain_id));
            }
        }
        self.freed.extend(freed);
        Ok(())
    }

    /// Whether a container is in the way.
    fn check_users(&self) -> Result<()> {
        self.check_running()?;
        if self.force { Ok(()) } else { self.check_stopped() }
    }

    fn named_elsewhere(&self) -> Error {
        Error::Conflict(Conflict::MultipleRepositories { image: self.id.short() })
    }

    fn check_running(&self) -> Result<()> {
        match self.users().find(|user| user.running) {
            None => Ok(()),
            Some(user) => Err(Error::Conflict(Conflict::RunningContainer {
                image: self.id.short(),
                container: short(&user.container).to_owned(),
            })),
        }
    }

    fn check_stopped(&self) -> Result<()> {
        match self.users().find(|user| !user.running) {
            None => Ok(()),
            Some(user) => Err(Error::Conflict(Conflict::StoppedContainer {
                image: self.id.short(),
                container: short(&user.container).to_owned(),
            })),
        }
    }

    fn users(&self) -> impl Iterator<Item = &ContainerUse> {
        self.containers.iter().filter(|container| container.image == self.id)
    }

    fn names(&self) -> Result<Vec<Reference>> {
        let (mut tags, digests) = self.store.0.db.names(&self.id)?;
        tags.extend(digests);
        Ok(tags)
    }

    fn untag(&mut self, names: &[Reference]) -> Result<()> {
        self.store.0.db.delete_names(names)?;
        self.record_untagged(names);
        Ok(())
    }

    fn record_untagged(&mut self, names: &[Reference]) {
        let untagged = |name: &Reference| Removed::Untagged { reference: name.familiar(), image: self.id };
        self.records.extend(names.iter().map(untagged));
    }
}

/// Whether a stored name is the one that is given. A name with a digest is that digest's, whatever tag it came with.
fn is_same(stored: &Reference, given: &Reference) -> bool {
    let same = stored.repository() == given.repository() && stored.digest() == given.digest();
    same && (given.digest().is_some() || stored.tag() == given.tag())
}

/// Whether what was given is the image's id or a beginning of it, not a name.
fn is_id(id: &Digest, given: &str) -> bool {
    let prefix = given.strip_prefix("sha256:").unwrap_or(given);
    full_id(given).is_some() || id.hex().starts_with(prefix)
}

/// Whether all names are of one repository and at most one is a tag; not so if there are none.
fn single_repository(names: &[Reference]) -> bool {
    let Some(first) = names.first() else { return false };
    names.iter().filter(|name| name.tag().is_some()).count() <= 1
        && names.iter().all(|name| name.repository() == first.repository())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_repositories() {
        let digest = Digest::of(b"");
        let names =
            |names: &[&str]| -> Vec<Reference> { names.iter().map(|name| Reference::parse(name).unwrap()).collect() };
        let pinned = format!("a@{digest}");
        assert!(!single_repository(&[]));
        assert!(single_repository(&names(&["a:1"])));
        assert!(single_repository(&names(&["a:1", &pinned])));
        assert!(single_repository(&names(&[&pinned])));
        assert!(!single_repository(&names(&["a:1", "a:2"])));
        assert!(!single_repository(&names(&["b:1", &pinned])));
    }
}
