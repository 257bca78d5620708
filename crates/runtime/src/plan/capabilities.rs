//! Capability sets.

use teu_oci::runtime as oci;
use teu_sys::caps::{self, Capability, CapabilitySet, ThreadSets};

/// The sets of a process: bounding, those of the thread, ambient.
pub(crate) struct Sets {
    pub(crate) bounding: CapabilitySet,
    pub(crate) thread: ThreadSets,
    pub(crate) ambient: CapabilitySet,
}

/// Converts a configuration's sets. Names that are unknown, and capabilities that the caller has not got to give, are left
/// out, as runc does: configurations are written for kernels and users of many kinds. Nothing is ambient that is not
/// permitted and inheritable.
pub(crate) fn compile(capabilities: Option<&oci::Capabilities>) -> Sets {
    let none = oci::Capabilities::default();
    let capabilities = capabilities.unwrap_or(&none);
    let available = caps::bounding_set();
    let set = |names: &[String]| -> CapabilitySet {
        names.iter().filter_map(|n| Capability::from_name(n)).collect::<CapabilitySet>().intersection(available)
    };
    let permitted = set(&capabilities.permitted);
    let inheritable = set(&capabilities.inheritable);
    Sets {
        bounding: set(&capabilities.bounding),
        thread: ThreadSets { effective: set(&capabilities.effective).intersection(permitted), permitted, inheritable },
        ambient: set(&capabilities.ambient).intersection(permitted).intersection(inheritable),
    }
}

/// Names in any set that are unknown, or that the caller has not got to give.
pub(crate) fn unavailable(capabilities: Option<&oci::Capabilities>) -> Vec<String> {
    let Some(c) = capabilities else { return Vec::new() };
    let available = caps::bounding_set();
    let lacking = |name: &&String| Capability::from_name(name).is_none_or(|c| !available.contains(c));
    let all = [&c.bounding, &c.effective, &c.inheritable, &c.permitted, &c.ambient].into_iter().flatten();
    let mut names: Vec<String> = all.filter(lacking).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_sets_are_empty_and_unknown_names_are_left_out() {
        let sets = compile(None);
        assert!(sets.bounding.is_empty() && sets.thread.permitted.is_empty());
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let sets = compile(Some(&oci::Capabilities {
            bounding: names(&["CAP_CHOWN", "CAP_FROM_THE_FUTURE"]),
            effective: names(&["CAP_CHOWN", "CAP_KILL"]),
            permitted: names(&["CAP_CHOWN"]),
            ambient: names(&["CAP_CHOWN"]),
            ..oci::Capabilities::default()
        }));
        let chown = Capability::from_name("CAP_CHOWN").unwrap();
        let only: CapabilitySet = [chown].into_iter().collect::<CapabilitySet>().intersection(caps::bounding_set());
        assert_eq!(sets.bounding, only);
        assert_eq!(sets.thread.effective, only);
        assert!(sets.ambient.is_empty());
    }
}
