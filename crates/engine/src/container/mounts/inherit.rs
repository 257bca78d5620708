//! `--volumes-from`: the volumes and binds of other containers.

use std::collections::BTreeMap;

use super::{Mount, Source};
use crate::{Engine, Error};

/// What the containers named by `container[:mode]` have mounted; of several with one destination, the last named.
pub(crate) fn volumes_from(engine: &Engine, specs: &[String]) -> Result<Vec<Mount>, Error> {
    let mut all = BTreeMap::new();
    for spec in specs {
        let (name, mode) = spec.split_once(':').unwrap_or((spec, "rw"));
        let read_only = read_only(mode).ok_or_else(|| Error::Invalid(format!("invalid mode: {mode}")))?;
        if name.is_empty() {
            return Err(Error::Invalid(format!("invalid volumes-from specification: {spec:?}")));
        }
        // That it is missing is the request's fault: clients take "not found" to be about the image.
        let other = engine.containers().find(name.trim_start_matches('/'));
        let other = other.map_err(|error| Error::Invalid(error.to_string()))?.view();
        for mount in other.definition.mounts.iter().filter(|m| !matches!(m.source, Source::Tmpfs { .. })) {
            let mut mount = mount.clone();
            mount.read_only |= read_only;
            all.insert(mount.destination.clone(), mount);
        }
    }
    Ok(all.into_values().collect())
}

/// Whether a mode makes mounts read-only; none if it is not one.
fn read_only(mode: &str) -> Option<bool> {
    let mut found = false;
    for word in mode.split(',') {
        match word {
            "ro" => found = true,
            "rw" | "z" | "Z" => {}
            _ => return None,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::read_only;

    #[test]
    fn modes() {
        assert_eq!((read_only("ro"), read_only("rw,z"), read_only("bad")), (Some(true), Some(false), None));
    }
}
