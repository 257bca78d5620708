//! Capabilities, and the arithmetic of `--cap-add` and `--cap-drop`.

/// Every capability in the kernel's order (`include/uapi/linux/capability.h`): the index is its number.
pub const ALL_CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// Docker's default capabilities.
pub const DEFAULT_CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// A capability that cannot be given. The messages are Docker's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityError {
    /// No such capability.
    #[error("invalid {list}: unknown capability: {name:?}")]
    Unknown {
        /// The member of the request that names it.
        list: &'static str,
        /// The name.
        name: String,
    },
    /// The kernel does not have it, or the engine itself may not give it.
    #[error(
        "invalid {list}: capability not supported by your kernel or not available in the current environment: {name:?}"
    )]
    Unavailable {
        /// The member of the request that names it.
        list: &'static str,
        /// The name.
        name: String,
    },
}

/// The capabilities of a container, from `--cap-add` and `--cap-drop`.
///
/// `available` are those that the engine has and so can give: normally its bounding set. Names may lack `CAP_` and be in
/// any case; `ALL` stands for everything available. With `ALL` added, what is dropped by name is missing from it; with
/// `ALL` dropped, what is added by name is all there is. Nothing else is lenient: an unknown name is an error.
///
/// # Errors
/// If a name is not a capability, or not an available one.
pub fn capabilities(add: &[String], drop: &[String], available: &[&str]) -> Result<Vec<&'static str>, CapabilityError> {
    let add = normalise("CapAdd", add, available)?;
    let drop = normalise("CapDrop", drop, available)?;
    let all = || ALL_CAPABILITIES.into_iter().filter(|name| available.contains(name));
    let wanted: Vec<&'static str> = if add.contains(&ALL) {
        all().filter(|name| !drop.contains(name)).collect()
    } else if drop.contains(&ALL) {
        add
    } else {
        let kept = DEFAULT_CAPABILITIES.into_iter().filter(|name| available.contains(name) && !drop.contains(name));
        kept.chain(add).collect()
    };
    let mut unique = Vec::with_capacity(wanted.len());
    for name in wanted {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    Ok(unique)
}

const ALL: &str = "ALL";

fn normalise(list: &'static str, names: &[String], available: &[&str]) -> Result<Vec<&'static str>, CapabilityError> {
    names.iter().map(|name| normalise_one(list, name, available)).collect()
}

fn normalise_one(list: &'static str, name: &str, available: &[&str]) -> Result<&'static str, CapabilityError> {
    let upper = name.to_ascii_uppercase();
    if upper == ALL {
        return Ok(ALL);
    }
    let full = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
    match ALL_CAPABILITIES.into_iter().find(|known| *known == full) {
        None => Err(CapabilityError::Unknown { list, name: full }),
        Some(known) if !available.contains(&known) => Err(CapabilityError::Unavailable { list, name: full }),
        Some(known) => Ok(known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(add: &[&str], drop: &[&str]) -> Result<Vec<&'static str>, CapabilityError> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let available: Vec<&str> = ALL_CAPABILITIES.into_iter().filter(|name| *name != "CAP_SYS_RESOURCE").collect();
        capabilities(&owned(add), &owned(drop), &available)
    }

    #[test]
    fn nothing_asked_for() {
        assert_eq!(resolve(&[], &[]).unwrap(), DEFAULT_CAPABILITIES);
    }

    #[test]
    fn names_are_taken_loosely_written() {
        let added = resolve(&["net_admin", "CAP_SYS_PTRACE", "cap_net_admin", "chown"], &["Mknod"]).unwrap();
        assert_eq!(added.len(), 13 + 2);
        assert!(added.contains(&"CAP_NET_ADMIN") && !added.contains(&"CAP_MKNOD"));
    }

    #[test]
    fn all_stands_for_what_is_available() {
        assert_eq!(resolve(&["ALL"], &[]).unwrap().len(), 40);
        assert_eq!(resolve(&["all"], &["chown"]).unwrap().len(), 39);
        assert_eq!(resolve(&["kill"], &["ALL"]).unwrap(), ["CAP_KILL"]);
        assert_eq!(resolve(&[], &["all"]).unwrap(), Vec::<&str>::new());
        assert_eq!(resolve(&["ALL"], &["ALL"]).unwrap().len(), 40);
    }

    #[test]
    fn what_does_not_exist_is_refused_in_dockers_words() {
        assert_eq!(resolve(&["foo"], &[]).unwrap_err().to_string(), "invalid CapAdd: unknown capability: \"CAP_FOO\"");
        assert!(resolve(&[], &["CAP_"]).is_err());
        assert!(resolve(&[" kill"], &[]).is_err());
        let unavailable = CapabilityError::Unavailable { list: "CapAdd", name: "CAP_SYS_RESOURCE".into() };
        assert_eq!(resolve(&["SYS_RESOURCE"], &[]), Err(unavailable));
    }
}
