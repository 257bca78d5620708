//! What is mounted in a container: kernel file systems, the engine's files, what the user asks for.

use std::path::{Path, PathBuf};

use teu_oci::defaults::{self, SHM_SIZE};
use teu_oci::runtime::Mount;

use super::super::definition::Definition;
use super::super::mounts::{self, Source};
use super::Inputs;
use crate::Error;

/// All mounts, in order: Docker's defaults, then the engine's files, then the user's, parents first.
pub(super) fn build(inputs: &Inputs<'_>) -> Vec<Mount> {
    let definition = inputs.definition;
    let taken = |path: &str| definition.mounts.iter().any(|m| m.destination == path);
    let mut all: Vec<Mount> = kernel(inputs).into_iter().filter(|m| !taken(&m.destination.to_string_lossy())).collect();
    for (path, file) in [
        ("/etc/resolv.conf", &inputs.files.resolv_conf),
        ("/etc/hostname", &inputs.files.hostname),
        ("/etc/hosts", &inputs.files.hosts),
    ] {
        if !taken(path) {
            all.push(bind(file, path, &["rbind", "rprivate"]));
        }
    }
    if let Some(init) = &inputs.init {
        all.push(bind(init, super::super::init::INSIDE, &["bind", "ro"]));
    }
    all.extend(definition.mounts.iter().map(user));
    all
}

/// How mounts below the root propagate: shared or slave binds need a root that lets them.
pub(super) fn root_propagation(definition: &Definition) -> String {
    let has = |kind: &str| definition.mounts.iter().any(|m| m.propagation.ends_with(kind));
    if has("shared") {
        "shared".to_owned()
    } else if has("slave") {
        "rslave".to_owned()
    } else {
        String::new()
    }
}

/// Docker's mounts of kernel file systems, as the modes want them.
fn kernel(inputs: &Inputs<'_>) -> Vec<Mount> {
    let host = &inputs.definition.host;
    let shm_size = u64::try_from(host.shm_size).ok().filter(|s| *s > 0).unwrap_or(SHM_SIZE);
    let mut all = defaults::mounts(shm_size);
    if host.privileged {
        // A privileged container may write to /sys.
        let writable = |m: &&mut Mount| m.destination.starts_with("/sys");
        for mount in all.iter_mut().filter(writable) {
            mount.options.retain(|o| o != "ro");
            mount.options.push("rw".to_owned());
        }
    }
    match host.ipc_mode.as_str() {
        "host" => {
            // Mounted in the host's namespace, the message queues are the host's: it need not have them mounted itself.
            all.retain(|m| m.destination != Path::new("/dev/shm"));
            all.push(bind(Path::new("/dev/shm"), "/dev/shm", &["rbind", "nosuid", "noexec", "nodev"]));
        }
        // It comes as a descriptor, out of the other container.
        mode if mode.starts_with("container:") => {
            all.retain(|m| m.destination != Path::new("/dev/shm"));
            all.push(bind(Path::new("/dev/shm"), "/dev/shm", &["rbind", "rprivate", "nosuid", "noexec", "nodev"]));
        }
        "none" => all.retain(|m| m.destination != Path::new("/dev/shm")),
        _ => {}
    }
    all
}

/// What may be said of a tmpfs: mount(8), tmpfs(5), and that it begins with what the image has there.
#[rustfmt::skip]
const TMPFS: [&str; 47] = [
    "defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync", "remount",
    "mand", "nomand", "atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime",
    "nostrictatime", "bind", "rbind", "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable",
    "runbindable", "size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge", "noswap", "inode32",
    "inode64", "lazytime", "nosymfollow", "tmpcopyup",
];

/// Refuses what may not be said of a tmpfs. Docker asks when it starts the container.
pub(super) fn check(definition: &Definition) -> Result<(), Error> {
    let options = definition.mounts.iter().flat_map(|mount| match &mount.source {
        Source::Tmpfs { options, .. } => options.as_slice(),
        _ => &[],
    });
    let mut names = options.map(|option| option.split('=').next().unwrap_or(option));
    match names.find(|name| !TMPFS.contains(name)) {
        Some(unknown) => Err(Error::Invalid(format!("invalid tmpfs option {unknown:?}"))),
        None => Ok(()),
    }
}

fn user(wanted: &mounts::Mount) -> Mount {
    let access = if wanted.read_only { "ro" } else { "rw" };
    match &wanted.source {
        Source::Bind { path, recursive, read_only_recursive, .. } => {
            let kind = if *recursive { "rbind" } else { "bind" };
            // Recursively read-only, as Docker does where the kernel can.
            let access = if wanted.read_only && *read_only_recursive && *recursive { "rro" } else { access };
            bind(Path::new(path), &wanted.destination, &[kind, access, &wanted.propagation])
        }
        // The source comes as a descriptor: its path is not needed.
        Source::Volume { name, .. } => bind(Path::new(name), &wanted.destination, &["rbind", access, "rprivate"]),
        Source::Tmpfs { options, .. } => {
            let mut all = vec!["nosuid".to_owned(), "nodev".to_owned(), "noexec".to_owned()];
            for option in options {
                // `exec` takes `noexec` back.
                all.retain(|o| o.strip_prefix("no") != Some(option));
                all.push(option.clone());
            }
            if wanted.read_only && !all.iter().any(|o| o == "ro") {
                all.push("ro".to_owned());
            }
            Mount {
                destination: PathBuf::from(&wanted.destination),
                kind: "tmpfs".to_owned(),
                source: "tmpfs".to_owned(),
                options: all,
                ..Mount::default()
            }
        }
    }
}

fn bind(source: &Path, destination: &str, options: &[&str]) -> Mount {
    mount(&source.to_string_lossy(), destination, "bind", options)
}

fn mount(source: &str, destination: &str, kind: &str, options: &[&str]) -> Mount {
    Mount {
        destination: PathBuf::from(destination),
        kind: kind.to_owned(),
        source: source.to_owned(),
        options: options.iter().filter(|o| !o.is_empty()).map(|o| (*o).to_owned()).collect(),
        ..Mount::default()
    }
}
