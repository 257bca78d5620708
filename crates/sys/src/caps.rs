//! Capabilities.

use std::fmt;

use rustix::io::Errno;

use crate::process::check;

/// Names of all capabilities, by number (`linux/capability.h`).
const NAMES: [&str; 41] = [
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

/// One capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(u8);

impl Capability {
    /// `CAP_SYS_ADMIN`.
    pub const SYS_ADMIN: Capability = Capability(21);
    /// `CAP_SYS_RESOURCE`.
    pub const SYS_RESOURCE: Capability = Capability(24);

    /// By name, such as `CAP_CHOWN`; letter case matters.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Capability> {
        let index = NAMES.iter().position(|n| *n == name)?;
        u8::try_from(index).ok().map(Capability)
    }

    /// The name, such as `CAP_CHOWN`.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// All that this version knows, by number.
    pub fn all() -> impl Iterator<Item = Capability> {
        (0..41).map(Capability)
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    /// The set with one more member.
    #[must_use]
    pub fn with(self, capability: Capability) -> Self {
        CapabilitySet(self.0 | 1 << capability.0)
    }

    /// Whether a capability is a member.
    #[must_use]
    pub fn contains(self, capability: Capability) -> bool {
        self.0 & (1 << capability.0) != 0
    }

    /// What both sets have.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        CapabilitySet(self.0 & other.0)
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Members by number.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::all().filter(move |c| self.contains(*c))
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(members: I) -> Self {
        members.into_iter().fold(CapabilitySet::default(), CapabilitySet::with)
    }
}

impl fmt::Debug for CapabilitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Capability::name)).finish()
    }
}

/// The sets that the kernel checks and passes on at `execve`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThreadSets {
    /// What is checked.
    pub effective: CapabilitySet,
    /// What may become effective.
    pub permitted: CapabilitySet,
    /// What files may pass on.
    pub inheritable: CapabilitySet,
}

/// `_LINUX_CAPABILITY_VERSION_3` of `linux/capability.h`: two words of 32 bits per set.
const VERSION_3: u32 = 0x2008_0522;

/// `struct __user_cap_header_struct`.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Reads the calling thread's sets.
///
/// # Errors
/// The kernel's.
pub fn get() -> Result<ThreadSets, Errno> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: version 3 makes the kernel write two elements, which `data` has.
    check(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) })?;
    let join = |field: fn(&Data) -> u32| CapabilitySet(u64::from(field(&data[0])) | u64::from(field(&data[1])) << 32);
    Ok(ThreadSets {
        effective: join(|d| d.effective),
        permitted: join(|d| d.permitted),
        inheritable: join(|d| d.inheritable),
    })
}

/// Sets the calling thread's sets. Allocates nothing.
///
/// # Errors
/// `EPERM` if a set grows beyond what is allowed.
pub fn set(sets: &ThreadSets) -> Result<(), Errno> {
    let header = Header { version: VERSION_3, pid: 0 };
    let word = |shift: u32| Data {
        effective: low_word(sets.effective.0 >> shift),
        permitted: low_word(sets.permitted.0 >> shift),
        inheritable: low_word(sets.inheritable.0 >> shift),
    };
    let data = [word(0), word(32)];
    // SAFETY: version 3 makes the kernel read two elements, which `data` has.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) })
}

#[expect(clippy::cast_possible_truncation, reason = "the low word is what is asked for")]
fn low_word(bits: u64) -> u32 {
    bits as u32
}

/// Drops from the bounding set all that `keep` does not have, of those that the kernel knows.
///
/// # Errors
/// `EPERM` without `CAP_SETPCAP`.
pub fn limit_bounding_set(keep: CapabilitySet) -> Result<(), Errno> {
    for number in 0..64u32 {
        if keep.0 & (1 << number) != 0 {
            continue;
        }
        // SAFETY: no memory is passed.
        match check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) }.into()) {
            // Past the last capability of this kernel.
            Err(Errno::INVAL) => break,
            other => other?,
        }
    }
    Ok(())
}

/// Replaces the ambient set. Its members must be permitted and inheritable.
///
/// # Errors
/// `EPERM` if they are not.
pub fn set_ambient(set: CapabilitySet) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) }.into())?;
    for capability in set.iter() {
        let number = libc::c_ulong::from(capability.0);
        // SAFETY: no memory is passed.
        check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, number, 0, 0) }.into())?;
    }
    Ok(())
}

/// The bounding set of the calling thread.
#[must_use]
pub fn bounding_set() -> CapabilitySet {
    Capability::all()
        .filter(|c| {
            // SAFETY: no memory is passed.
            unsafe { libc::prctl(libc::PR_CAPBSET_READ, libc::c_ulong::from(c.0), 0, 0, 0) == 1 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_kernels_and_in_its_order() {
        assert_eq!(Capability::from_name("CAP_SYS_ADMIN"), Some(Capability::SYS_ADMIN));
        assert_eq!(Capability::from_name("CAP_SYS_RESOURCE"), Some(Capability::SYS_RESOURCE));
        assert_eq!(Capability::from_name("CAP_CHECKPOINT_RESTORE"), Some(Capability(40)));
        assert_eq!(Capability::from_name("SYS_ADMIN"), None);
        assert!(Capability::all().all(|c| Capability::from_name(c.name()) == Some(c)));
    }

    #[test]
    fn a_threads_own_sets_can_be_set_again() {
        let sets = get().unwrap();
        set(&sets).unwrap();
        assert_eq!(get().unwrap(), sets);
    }

    #[test]
    fn sets_are_sets() {
        let chown = Capability::from_name("CAP_CHOWN").unwrap();
        let bpf = Capability::from_name("CAP_BPF").unwrap();
        let both: CapabilitySet = [chown, bpf].into_iter().collect();
        assert!(both.contains(bpf) && !both.contains(Capability::SYS_ADMIN));
        assert_eq!(both.iter().collect::<Vec<_>>(), [chown, bpf]);
        assert_eq!(format!("{both:?}"), "{\"CAP_CHOWN\", \"CAP_BPF\"}");
        assert!(CapabilitySet::default().is_empty());
    }
}
