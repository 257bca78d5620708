//! Mounts of the container's own cgroup.
//!
//! What is bound is the container's directory of each hierarchy. With a cgroup namespace that is the same view as a mount
//! of the hierarchy made inside it, and without one nothing above the container is seen.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use teu_oci::runtime as oci;
use teu_sys::cgroup::{Cgroup, Hierarchy};
use teu_sys::mount::Attributes;

use super::mounts::Mounts;
use super::options::Options;
use super::text::{c_string, in_root};
use super::{Inside, Mount, Source, Step};
use crate::Error;

/// The steps of a mount of type `cgroup` or `cgroup2`.
pub(crate) fn compile(mount: &oci::Mount, options: &Options, mounts: &mut Mounts<'_>) -> Result<Vec<Step>, Error> {
    let failed = |e: teu_sys::cgroup::Error| Error::InvalidSpec(format!("mount {}: {e}", mount.destination.display()));
    let own;
    let cgroup = match mounts.cgroup {
        Some(cgroup) => cgroup,
        None => {
            own = Cgroup::of_process(&Hierarchy::detect().map_err(failed)?, own_pid()).map_err(failed)?;
            &own
        }
    };
    let directories: Vec<(&Path, bool)> = cgroup.directories().collect();
    if let [(directory, true)] = directories[..] {
        return Ok(vec![bind(mount, options, mounts, &mount.destination, directory)?]);
    }
    let points = directories.iter().zip(cgroup.hierarchy().mount_points());
    let (mut mounted, mut steps) = (Vec::new(), Vec::new());
    for ((directory, _), (point, _)) in points.filter(|((directory, v2), _)| !v2 && directory.exists()) {
        let Some(name) = point.file_name() else { continue };
        mounted.push(point);
        steps.push(bind(mount, options, mounts, &mount.destination.join(name), directory)?);
    }
    let entries = entries(mounted);
    let names = entries.iter().map(|(name, _)| name.into()).collect();
    let readonly = options.set.contains(Attributes::RDONLY);
    let outer = match mounts.common.filter(|_| readonly).and_then(|common| common.hierarchies(&names)) {
        Some(path) => bind(mount, options, mounts, &mount.destination, Path::new(OsStr::from_bytes(path.to_bytes())))?,
        None => {
            if readonly {
                mounts.readonly_later.push(in_root(&mount.destination)?);
            }
            tmpfs(mount, options, &entries)?
        }
    };
    steps.insert(0, outer);
    Ok(steps)
}

/// What is where hierarchies are mounted in: a directory for each of them, and for one of several controllers a link by each
/// of their names, which leads to it.
pub(crate) fn entries<'a>(mounted: impl IntoIterator<Item = &'a Path>) -> Vec<(&'a str, Option<&'a str>)> {
    let names = mounted.into_iter().filter_map(|point| point.file_name()?.to_str());
    let with_links = |name: &'a str| {
        let links = name.split(',').filter(move |controller| *controller != name);
        std::iter::once((name, None)).chain(links.map(move |controller| (controller, Some(name))))
    };
    // Two hierarchies of one name are one on top of the other.
    let mut seen = BTreeSet::new();
    names.flat_map(with_links).filter(|(name, _)| seen.insert(*name)).collect()
}

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_pid()
}

fn bind(
    mount: &oci::Mount,
    options: &Options,
    mounts: &Mounts<'_>,
    destination: &Path,
    directory: &Path,
) -> Result<Step, Error> {
    let own = oci::Mount { destination: destination.to_owned(), ..mount.clone() };
    let own_options = Options { parameters: Vec::new(), propagation: options.propagation.clone(), ..*options };
    mounts.bind(&own, &own_options, directory)
}

/// The directory of all hierarchies.
fn tmpfs(mount: &oci::Mount, options: &Options, entries: &[(&str, Option<&str>)]) -> Result<Step, Error> {
    let c_name = |name: &str| c_string(name, "the name of a hierarchy");
    let inside = entries.iter().map(|(name, target)| match target {
        None => Ok(Inside::Directory(c_name(name)?)),
        Some(target) => Ok(Inside::Link { name: c_name(name)?, target: c_name(target)? }),
    });
    let inside = inside.collect::<Result<_, Error>>()?;
    let source = Source::New {
        kind: c"tmpfs".into(),
        source: c"tmpfs".into(),
        parameters: Options::parse(&["mode=755".into()])?.parameters()?,
        attributes: options.set - Attributes::RDONLY,
    };
    Ok(Step::Mount(Box::new(Mount { inside, ..Mount::new(in_root(&mount.destination)?, source) })))
}
