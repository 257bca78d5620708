//! Mounts of the container's own cgroup.
//!
//! What is bound is the container's directory of each hierarchy. With a cgroup namespace that is the same view as a mount
//! of the hierarchy made inside it, and without one nothing above the container is seen.

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
    let (mut inside, mut binds) = (Vec::new(), Vec::new());
    for ((directory, v2), (mounted, _)) in directories.iter().zip(cgroup.hierarchy().mount_points()) {
        if *v2 || !directory.exists() {
            continue;
        }
        let Some(name) = mounted.file_name().and_then(|n| n.to_str()) else { continue };
        inside.push(Inside::Directory(c_string(name, "the name of a hierarchy")?));
        binds.push(bind(mount, options, mounts, &mount.destination.join(name), directory)?);
        for controller in name.split(',').filter(|c| *c != name) {
            let name = c_string(name, "the name of a hierarchy")?;
            inside.push(Inside::Link { name: c_string(controller, "the name of a controller")?, target: name });
        }
    }
    if options.set.contains(Attributes::RDONLY) {
        mounts.readonly_later.push(in_root(&mount.destination)?);
    }
    binds.insert(0, tmpfs(mount, options, inside)?);
    Ok(binds)
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
fn tmpfs(mount: &oci::Mount, options: &Options, inside: Vec<Inside>) -> Result<Step, Error> {
    let source = Source::New {
        kind: c"tmpfs".into(),
        source: c"tmpfs".into(),
        parameters: Options::parse(&["mode=755".into()])?.parameters()?,
        attributes: options.set - Attributes::RDONLY,
    };
    Ok(Step::Mount(Box::new(Mount { inside, ..Mount::new(in_root(&mount.destination)?, source) })))
}
