//! Mount options, as in fstab and in the specification.

use std::ffi::{CStr, CString};

use teu_sys::mount::{Attributes, Change, Parameter, Propagation};

use super::Parameters;
use super::text::c_string;
use crate::Error;

/// Options of one mount, sorted by who handles them.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Attributes of the mount to set and to clear.
    pub(crate) set: Attributes,
    pub(crate) clear: Attributes,
    /// Attributes of the mount and all beneath.
    pub(crate) set_recursive: Attributes,
    pub(crate) clear_recursive: Attributes,
    /// Propagation changes in order; `true` for all mounts beneath too.
    pub(crate) propagation: Vec<(Propagation, bool)>,
    /// A bind mount; `Some(true)` with all beneath.
    pub(crate) bind: Option<bool>,
    /// An id-mapped mount; `Some(true)` with all beneath.
    pub(crate) idmap: Option<bool>,
    /// The tmpfs starts with what the directory under it holds.
    pub(crate) copy_up: bool,
    /// What the file system is told.
    pub(crate) parameters: Vec<Parameter>,
}

/// Switches of the superblock, which every file system knows (`fs/fs_context.c`).
const SUPERBLOCK: [&str; 6] = ["sync", "dirsync", "mand", "lazytime", "async", "nomand"];
/// Those that are on, and read-only, as flags of `mount(2)` (`linux/mount.h`).
const SUPERBLOCK_FLAGS: [(&CStr, u32); 5] =
    [(c"ro", 1), (c"sync", 16), (c"mand", 64), (c"dirsync", 128), (c"lazytime", 1 << 25)];
/// Options that ask for what is so anyway, or that old tools write.
const IGNORED: [&str; 10] =
    ["defaults", "remount", "loud", "silent", "auto", "noauto", "user", "nouser", "nofail", "nolazytime"];

/// Names that `features` lists: all options that are not left to the file system.
pub(crate) const KNOWN: [&str; 56] = [
    "acl",
    "async",
    "atime",
    "bind",
    "defaults",
    "dev",
    "diratime",
    "dirsync",
    "exec",
    "idmap",
    "iversion",
    "lazytime",
    "loud",
    "mand",
    "noacl",
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "noiversion",
    "nolazytime",
    "nomand",
    "norelatime",
    "nostrictatime",
    "nosuid",
    "nosymfollow",
    "private",
    "ratime",
    "rbind",
    "rdev",
    "rdiratime",
    "relatime",
    "remount",
    "rexec",
    "ridmap",
    "rnoatime",
    "rnodev",
    "rnodiratime",
    "rnoexec",
    "rnosuid",
    "ro",
    "rprivate",
    "rro",
    "rrw",
    "rshared",
    "rslave",
    "rsuid",
    "runbindable",
    "rw",
    "shared",
    "silent",
    "slave",
    "strictatime",
    "suid",
    "sync",
    "tmpcopyup",
];

impl Options {
    /// Sorts a configuration's options.
    pub(crate) fn parse(options: &[String]) -> Result<Self, Error> {
        let mut parsed = Options::default();
        for option in options.iter().flat_map(|o| o.split(',')).filter(|o| !o.is_empty()) {
            parsed.add(option)?;
        }
        Ok(parsed)
    }

    fn add(&mut self, option: &str) -> Result<(), Error> {
        if let Some((attribute, on)) = attribute(option) {
            change(&mut self.set, &mut self.clear, attribute, on);
        } else if let Some((attribute, on)) = option.strip_prefix('r').and_then(attribute) {
            change(&mut self.set_recursive, &mut self.clear_recursive, attribute, on);
        } else if let Some(propagation) = propagation(option) {
            self.propagation.push(propagation);
        } else {
            match option {
                "bind" => self.bind = Some(self.bind.unwrap_or(false)),
                "rbind" => self.bind = Some(true),
                "idmap" => self.idmap = Some(false),
                "ridmap" => self.idmap = Some(true),
                "tmpcopyup" => self.copy_up = true,
                _ if IGNORED.contains(&option) => {}
                _ => self.parameters.push(parameter(option)?),
            }
        }
        Ok(())
    }

    /// What changes on the mount itself, beyond propagation.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let own = Change { set: self.set, clear: self.clear, ..Change::default() };
        let all = Change { set: self.set_recursive, clear: self.clear_recursive, recursive: true, ..Change::default() };
        [own, all].into_iter().filter(|c| !c.is_empty()).collect()
    }

    /// The parameters in both forms.
    pub(crate) fn parameters(&self) -> Result<Parameters, Error> {
        let flag = |p: &Parameter| match p {
            Parameter::Flag(name) => {
                SUPERBLOCK_FLAGS.iter().find(|(n, _)| *n == name.as_c_str()).map(|(_, flag)| *flag)
            }
            Parameter::Value(..) => None,
        };
        Ok(Parameters {
            list: self.fits_fsconfig().then(|| self.parameters.clone()),
            data: joined(self.parameters.iter().filter(|p| flag(p).is_none()))?,
            superblock: self.parameters.iter().filter_map(flag).fold(0, |all, flag| all | flag),
        })
    }

    /// Whether `fsconfig` can take every parameter: it refuses values of 256 bytes and more.
    fn fits_fsconfig(&self) -> bool {
        self.parameters.iter().all(|p| match p {
            Parameter::Flag(name) => name.as_bytes().len() < 256,
            Parameter::Value(name, value) => name.as_bytes().len() < 256 && value.as_bytes().len() < 256,
        })
    }
}

/// Parameters in the form of `mount(2)`: joined by commas.
fn joined<'p>(parameters: impl Iterator<Item = &'p Parameter>) -> Result<CString, Error> {
    let mut data = Vec::new();
    for parameter in parameters {
        if !data.is_empty() {
            data.push(b',');
        }
        match parameter {
            Parameter::Flag(name) => data.extend(name.to_bytes()),
            Parameter::Value(name, value) => {
                data.extend(name.to_bytes());
                data.push(b'=');
                data.extend(value.to_bytes());
            }
        }
    }
    c_string(data, "mount options")
}

/// The attribute that an option sets (`true`) or clears.
fn attribute(option: &str) -> Option<(Attributes, bool)> {
    Some(match option {
        "ro" => (Attributes::RDONLY, true),
        "rw" => (Attributes::RDONLY, false),
        "nosuid" => (Attributes::NOSUID, true),
        "suid" => (Attributes::NOSUID, false),
        "nodev" => (Attributes::NODEV, true),
        "dev" => (Attributes::NODEV, false),
        "noexec" => (Attributes::NOEXEC, true),
        "exec" => (Attributes::NOEXEC, false),
        "nosymfollow" => (Attributes::NOSYMFOLLOW, true),
        "symfollow" => (Attributes::NOSYMFOLLOW, false),
        "nodiratime" => (Attributes::NODIRATIME, true),
        "diratime" => (Attributes::NODIRATIME, false),
        "noatime" => (Attributes::NOATIME, true),
        "strictatime" => (Attributes::STRICTATIME, true),
        // `relatime` is the value 0 of the field.
        "atime" | "relatime" | "norelatime" | "nostrictatime" => (Attributes::ATIME, false),
        _ => return None,
    })
}

fn change(set: &mut Attributes, clear: &mut Attributes, attribute: Attributes, on: bool) {
    // The last one of contradicting options wins.
    let field = if attribute.intersects(Attributes::ATIME) { Attributes::ATIME } else { attribute };
    set.remove(field);
    clear.remove(field);
    if on { set.insert(attribute) } else { clear.insert(attribute) }
}

/// Reads a propagation such as `rslave`.
pub(crate) fn propagation(option: &str) -> Option<(Propagation, bool)> {
    Some(match option {
        "private" => (Propagation::Private, false),
        "rprivate" => (Propagation::Private, true),
        "slave" => (Propagation::Slave, false),
        "rslave" => (Propagation::Slave, true),
        "shared" => (Propagation::Shared, false),
        "rshared" => (Propagation::Shared, true),
        "unbindable" => (Propagation::Unbindable, false),
        "runbindable" => (Propagation::Unbindable, true),
        _ => return None,
    })
}

fn parameter(option: &str) -> Result<Parameter, Error> {
    if SUPERBLOCK.contains(&option) {
        return Ok(Parameter::Flag(c_string(option, "a mount option")?));
    }
    match option.split_once('=') {
        Some((name, value)) => {
            Ok(Parameter::Value(c_string(name, "a mount option")?, c_string(value, "a mount option")?))
        }
        None => Ok(Parameter::Flag(c_string(option, "a mount option")?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[&str]) -> Options {
        Options::parse(&options.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn attributes_and_parameters_are_told_apart() {
        let options = parse(&["nosuid", "strictatime", "mode=755", "size=65536k", "newinstance"]);
        assert_eq!(options.set, Attributes::NOSUID | Attributes::STRICTATIME);
        assert_eq!(options.parameters().unwrap().data.to_str().unwrap(), "mode=755,size=65536k,newinstance");
    }

    #[test]
    fn the_last_of_contradicting_options_wins() {
        let options = parse(&["ro", "rw", "noatime", "strictatime"]);
        assert_eq!(options.set, Attributes::STRICTATIME);
        assert_eq!(options.clear, Attributes::RDONLY);
    }

    #[test]
    fn recursive_options_have_their_own_change() {
        let options = parse(&["rbind", "ro", "rnosuid", "rro"]);
        assert_eq!(options.bind, Some(true));
        let changes = options.changes();
        assert_eq!(changes.len(), 2);
        assert!(!changes[0].recursive && changes[0].set == Attributes::RDONLY);
        assert!(changes[1].recursive && changes[1].set == Attributes::RDONLY | Attributes::NOSUID);
    }

    #[test]
    fn propagation_is_no_recursive_attribute() {
        let options = parse(&["rslave", "rprivate", "bind"]);
        assert_eq!(options.propagation, [(Propagation::Slave, true), (Propagation::Private, true)]);
        assert_eq!(options.bind, Some(false));
        assert!(options.changes().is_empty());
    }

    #[test]
    fn long_values_do_not_fit_fsconfig() {
        assert!(parse(&["size=1"]).fits_fsconfig());
        assert!(!parse(&[&format!("lowerdir={}", "x".repeat(300))]).fits_fsconfig());
    }

    #[test]
    fn known_options_are_sorted_and_not_left_to_the_file_system() {
        assert!(KNOWN.is_sorted());
        for name in KNOWN {
            let options = parse(&[name]);
            let left = !options.parameters.is_empty();
            let superblock = SUPERBLOCK.contains(&name) || ["acl", "noacl", "iversion", "noiversion"].contains(&name);
            assert_eq!(left, superblock, "{name}");
        }
    }
}
