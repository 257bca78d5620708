//! Fuzz targets: configurations, and files inside images. Nothing here starts a process or mounts anything. See `fuzz/README.md`. Not part of
//! the interface.

use std::hint::black_box;
use std::os::fd::OwnedFd;
use std::path::Path;

use teu_oci::runtime::{Mount, Seccomp, Spec};

use crate::container::{record, validate};
use crate::plan::{self, environment, kernel, options};
use crate::{Launch, Rootfs, channel, resources, seccomp};

/// A configuration: it is refused or becomes a plan.
pub fn config_json(data: &[u8]) {
    let Ok(mut spec) = serde_json::from_slice::<Spec>(data) else { return };
    black_box(validate::validate(&spec).is_ok());
    if let Some(linux) = &mut spec.linux {
        black_box(linux.resources.as_ref().map(|limits| resources::for_new_container(Some(limits)).is_ok()));
        // What would open files of the host.
        linux.namespaces.iter_mut().for_each(|namespace| namespace.path = None);
    }
    spec.mounts.retain(|mount| !binds(mount));
    let Ok(root) = std::fs::File::open("/proc/self") else { return };
    let launch = Launch::new("fuzz", &spec, Path::new("/proc/self"), Rootfs::Mount(OwnedFd::from(root)));
    black_box(plan::create::compile(launch, None).map_err(|error| error.to_string()).is_ok());
}

fn binds(mount: &Mount) -> bool {
    mount.kind == "bind" || options::Options::parse(&mount.options).is_ok_and(|options| options.bind.is_some())
}

/// A filter in the specification's form: what is compiled decides as the policy does.
pub fn seccomp_json(data: &[u8]) {
    let Ok(filter) = serde_json::from_slice::<Seccomp>(data) else { return };
    seccomp_filter(&filter);
}

/// As [`seccomp_json`], with a filter that was read already.
pub fn seccomp_filter(filter: &Seccomp) {
    if let Ok(policy) = seccomp::policy(filter) {
        teu_sys::fuzzing::seccomp_decides(&policy);
    }
}

/// Small texts: mount options, accounts, lists of processors, process states, messages of a container's first process.
pub fn texts(data: &[u8]) {
    black_box(environment::home_in(data, 1000));
    black_box(record::parse_stat(data));
    black_box(channel::decode(data));
    let text = String::from_utf8_lossy(data);
    black_box(kernel::parse_list(&text).map_or(0, |list| list.len()));
    let words: Vec<String> = text.split('\n').map(str::to_owned).collect();
    if let Ok(options) = options::Options::parse(&words) {
        black_box((options.changes(), options.parameters().is_ok()));
    }
}
