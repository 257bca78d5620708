//! Volumes of containers: made with them, told of when they are mounted.

use std::collections::BTreeMap;

use super::operations::{LOCAL, blocking, check_driver};
use crate::container::Definition;
use crate::events::Subject;
use crate::{Engine, Error};

impl Engine {
    /// Makes the volumes of a new container that are not there yet.
    pub(crate) async fn make_volumes(&self, definition: &Definition) -> Result<(), Error> {
        let names: Vec<String> = definition.mounts.iter().filter_map(|m| m.volume()).map(str::to_owned).collect();
        if names.is_empty() {
            return Ok(());
        }
        let volumes = self.volumes().clone();
        let driver = definition.host.volume_driver.clone();
        let made = blocking(move || {
            let missing = |name: &String| !volumes.root().join(name).exists();
            let missing: Vec<String> = names.into_iter().filter(missing).collect();
            if let Some(first) = missing.first() {
                check_driver(&driver).map_err(|reason| Error::NotFound(format!("create {first}: {reason}")))?;
            }
            for name in &missing {
                volumes.ensure(name)?;
            }
            Ok(missing)
        });
        for name in made.await? {
            self.volume_event("create", &name);
        }
        Ok(())
    }

    /// Tells that a container's volumes are mounted.
    pub(crate) fn volumes_mounted(&self, definition: &Definition) {
        for mount in &definition.mounts {
            let Some(volume) = mount.volume() else { continue };
            let attributes = [
                ("container", definition.id.clone()),
                ("destination", mount.destination.clone()),
                ("driver", LOCAL.to_owned()),
                ("propagation", mount.propagation.clone()),
                ("read/write", (!mount.read_only).to_string()),
            ];
            self.events().publish(Subject::Volume, "mount", volume, owned(attributes));
        }
    }

    /// Tells that a container's volumes are not mounted any more.
    pub(crate) fn volumes_unmounted(&self, definition: &Definition) {
        for volume in definition.mounts.iter().filter_map(|mount| mount.volume()) {
            let attributes = [("container", definition.id.clone()), ("driver", LOCAL.to_owned())];
            self.events().publish(Subject::Volume, "unmount", volume, owned(attributes));
        }
    }
}

fn owned<const N: usize>(attributes: [(&str, String); N]) -> BTreeMap<String, String> {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
