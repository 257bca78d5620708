//! Fuzz targets: configurations, and files inside images. Nothing here starts a process or mounts anything. See `fuzz/README.md`. Not part of
//! the interface.

use std::hint::black_box;
use std::os::fd::OwnedFd;
use std::path::Path;

use teu_oci::runtime::{Mount, Seccomp, Spec};
use teu_sys::mount::Parameter;

use crate::container::{record, validate};
use crate::plan::{self, environment, kernel, options};
use crate::{Launch, Rootfs, channel, resources, seccomp};

/// A configuration: it is refused or becomes a plan, for a root that is an empty `folder`. What is kept of it on disk says
/// the same.
pub fn config_json(folder: &Path, data: &[u8]) {
    let Ok(mut spec) = serde_json::from_slice::<Spec>(data) else { return };
    let kept = serde_json::to_vec(&spec).and_then(|kept| serde_json::from_slice::<Spec>(&kept));
    assert!(kept.is_ok_and(|kept| kept == spec));
    black_box(validate::validate(&spec).is_ok());
    if let Some(linux) = &mut spec.linux {
        black_box(linux.resources.as_ref().map(|limits| resources::for_new_container(Some(limits)).is_ok()));
        // What would open files of the host.
        linux.namespaces.iter_mut().for_each(|namespace| namespace.path = None);
    }
    spec.mounts.retain(|mount| !binds(mount));
    for mount in &mut spec.mounts {
        // To map ids takes a process.
        mount.uid_mappings.clear();
        mount.options.retain(|option| !option.contains("idmap"));
    }
    let Ok(root) = std::fs::File::open(folder) else { return };
    let launch = Launch::new("fuzz", &spec, folder, Rootfs::Mount(OwnedFd::from(root)));
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
    if let Some(home) = environment::home_in(data, 1000) {
        assert!(!home.is_empty() && !home.contains(['\0', '\n', ':']), "{home:?}");
    }
    black_box(record::parse_stat(data));
    if let Some(message) = channel::decode(data) {
        channel::fuzzing::reads_back(&message);
    }
    let text = String::from_utf8_lossy(data);
    list(&text);
    let words: Vec<String> = text.split('\n').map(str::to_owned).collect();
    mount_options(&words);
}

/// However long a list is, there are only so many processors; its mask has them all and no other.
fn list(text: &str) {
    let Ok(numbers) = kernel::parse_list(text) else { return };
    assert!(numbers.len() <= kernel::MAX_NODES && numbers.last().is_none_or(|last| *last < kernel::MAX_NODES));
    let written: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    assert_eq!(kernel::parse_list(&written.join(",")).ok().as_ref(), Some(&numbers));
    let mask = kernel::mask(text).unwrap_or_default();
    let ones: u32 =
        mask.trim_start_matches("0x").chars().filter_map(|digit| digit.to_digit(16)).map(u32::count_ones).sum();
    assert_eq!(ones as usize, numbers.len(), "{mask}");
}

/// No option is switched on and off at once, and it is one how they come: in a word each or with commas.
fn mount_options(words: &[String]) {
    let Ok(options) = options::Options::parse(words) else { return };
    assert!(!options.set.intersects(options.clear) && !options.set_recursive.intersects(options.clear_recursive));
    let joined = options::Options::parse(&[words.join(",")]);
    assert_eq!(joined.ok().map(|joined| format!("{joined:?}")), Some(format!("{options:?}")));
    black_box(options.changes());
    if let Ok(parameters) = options.parameters() {
        let fits = |list: Vec<Parameter>| list.len() == options.parameters.len();
        assert!(parameters.list.is_none_or(fits));
    }
}
