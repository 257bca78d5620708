//! `rename`.

use std::sync::Arc;

use super::actor::{Actor, Command};
use super::{names, stored};
use crate::store::Write;
use crate::{Engine, Error};

impl Engine {
    /// Gives a container another name.
    ///
    /// # Errors
    /// No such container; the name is not allowed or taken.
    pub async fn container_rename(&self, container: &str, name: &str) -> Result<(), Error> {
        if name.is_empty() {
            return Err(Error::Invalid("Neither old nor new names may be empty".to_owned()));
        }
        let handle = self.containers().find(container)?;
        // Docker's messages have the slash that its own names begin with.
        let name = names::check(&format!("/{}", name.trim_start_matches('/'))).map_err(allocating)?.to_owned();
        handle.ask(|reply| Command::Rename { name, reply }).await
    }
}

/// Docker's prefix for what is wrong with a new name.
fn allocating(error: Error) -> Error {
    const PREFIX: &str = "Error when allocating new name";
    match error {
        Error::Invalid(text) => Error::Invalid(format!("{PREFIX}: {text}")),
        error @ Error::NameInUse { .. } => Error::Conflict(format!("{PREFIX}: {error}")),
        other => other,
    }
}

impl Actor {
    pub(super) async fn rename(&mut self, name: String) -> Result<(), Error> {
        let view = self.view();
        let id = self.handle.id.clone();
        let old = view.definition.name.clone();
        if old == name {
            return Err(Error::Invalid("Renaming a container with the same name as its current name".to_owned()));
        }
        let index = self.engine.containers();
        index.reserve(&name, &id).map_err(allocating)?;
        let mut definition = (*view.definition).clone();
        definition.name = name.clone();
        let store = async {
            let definition = stored::definition(&definition)?;
            let write = Write::Define { id: id.clone(), name: name.clone(), definition };
            self.engine.store().commit(write).done().await
        };
        if let Err(error) = store.await {
            index.release(&name, &id);
            return Err(error);
        }
        self.handle.publish(|next| next.definition = Arc::new(definition));
        index.release(&old, &id);
        self.engine.sandboxes().rename(&id, &name);
        self.event("rename", &[("oldName", format!("/{old}"))]);
        Ok(())
    }
}
