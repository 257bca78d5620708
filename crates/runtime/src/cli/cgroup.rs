//! A new container's cgroup.

use anyhow::Result;
use teu_sys::cgroup::{self, Cgroup, Hierarchy, Resources, ScopeHolder, SystemdPath};

use super::arguments::Global;
use super::create::rootless;
use super::log;
use crate::container::Bundle;

/// Where a container's cgroup is to be.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Made here.
    Path(String),
    /// Made by systemd.
    Scope(SystemdPath),
}

/// Makes the container's cgroup, with its limits. Without the right to, a container without limits has none. The holder
/// is dropped once the container's first process is in the group.
pub(super) fn make(global: &Global, id: &str, bundle: &Bundle) -> Result<(Option<Cgroup>, Option<ScopeHolder>)> {
    let linux = bundle.spec.linux.as_ref();
    let place = place(global, id, linux.map_or("", |l| l.cgroups_path.as_str()))?;
    let resources = crate::resources::for_new_container(linux.and_then(|l| l.resources.as_ref()))?;
    let (cgroup, scope) = match create(&place, &resources) {
        Ok(made) => made,
        Err(e) if rootless(global) => {
            log::warning(global, &format!("no cgroup for the container: {e}"));
            return Ok((None, None));
        }
        Err(e) => return Err(e.into()),
    };
    if let Err(e) = cgroup.apply(&resources) {
        drop(scope);
        // It has no processes yet.
        let _ = cgroup.remove();
        return Err(e.into());
    }
    Ok((Some(cgroup), scope))
}

/// Where systemd runs, a group below its slices is its own to make; elsewhere the same path is made here.
fn create(place: &Place, resources: &Resources) -> cgroup::Result<(Cgroup, Option<ScopeHolder>)> {
    let hierarchy = Hierarchy::detect()?;
    match place {
        Place::Path(path) => Ok((Cgroup::create(&hierarchy, path)?, None)),
        Place::Scope(path) if SystemdPath::is_booted() => {
            let (cgroup, holder) = Cgroup::create_scope(&hierarchy, path, resources)?;
            Ok((cgroup, Some(holder)))
        }
        Place::Scope(path) => Ok((Cgroup::create(&hierarchy, &path.cgroup_path())?, None)),
    }
}

fn place(global: &Global, id: &str, path: &str) -> Result<Place> {
    let systemd = global.systemd_cgroup || global.cgroup_manager.as_deref() == Some("systemd");
    if systemd || path.matches(':').count() == 2 && !path.contains('/') {
        let default = format!("system.slice:teu-runtime:{id}");
        return Ok(Place::Scope(SystemdPath::parse(if path.is_empty() { &default } else { path })?));
    }
    Ok(Place::Path(match path {
        "" => format!("/teu-runtime/{id}"),
        path if path.starts_with('/') => path.to_owned(),
        path => format!("/{path}"),
    }))
}
