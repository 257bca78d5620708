//! `rm --link`: the end of a link, not of a container.

use std::sync::Arc;

use super::actor::{Actor, Command};
use super::{link, stored};
use crate::store::Write;
use crate::{Engine, Error};

impl Engine {
    /// Removes the link `container/alias` from the container. The container that it leads to stays as it is.
    ///
    /// # Errors
    /// No such container or link; `name` is a container's own.
    pub(super) async fn container_unlink(&self, name: &str) -> Result<(), Error> {
        self.containers().find(name)?;
        let Some((parent, alias)) = link::parts(name) else {
            return Err(Error::Conflict("Conflict, cannot remove the default link name of the container".to_owned()));
        };
        let alias = alias.to_owned();
        self.containers().find(parent)?.ask(|reply| Command::Unlink { alias, reply }).await
    }
}

impl Actor {
    pub(super) async fn unlink(&mut self, alias: String) -> Result<(), Error> {
        let view = self.view();
        let id = self.handle.id.clone();
        // The line in its hosts file, if it runs. Others may have written to the file: only this line goes.
        let line = view.state.is_up().then(|| link::host_line(&self.engine, &view.definition, &alias)).flatten();
        let mut definition = (*view.definition).clone();
        let links = definition.host.links.get_or_insert_default();
        links.retain(|link| link.split_once(':').is_none_or(|(_, own)| own != alias));
        if links.is_empty() {
            definition.host.links = None;
        }
        let name = definition.name.clone();
        let write = Write::Define { id: id.clone(), name, definition: stored::definition(&definition)? };
        self.engine.store().commit(write).done().await?;
        self.handle.publish(|next| next.definition = Arc::new(definition));
        if let Some(line) = line
            && let Err(error) = self.engine.container_files(&id).remove_host(&line)
        {
            tracing::warn!(container = id, %error, "the name of a link that was removed stays in the hosts file until the next start");
        }
        Ok(())
    }
}
