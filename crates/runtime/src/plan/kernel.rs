//! What the Linux section asks of the kernel for the process itself.

use std::collections::BTreeSet;

use teu_oci::runtime::{Linux, MemoryPolicy};

use super::Step;
use crate::Error;

/// Modes of `linux/mempolicy.h`, by number.
const MODES: [&str; 7] = [
    "MPOL_DEFAULT",
    "MPOL_PREFERRED",
    "MPOL_BIND",
    "MPOL_INTERLEAVE",
    "MPOL_LOCAL",
    "MPOL_PREFERRED_MANY",
    "MPOL_WEIGHTED_INTERLEAVE",
];
/// Flags of `linux/mempolicy.h`.
const FLAGS: [(&str, u32); 3] =
    [("MPOL_F_STATIC_NODES", 1 << 15), ("MPOL_F_RELATIVE_NODES", 1 << 14), ("MPOL_F_NUMA_BALANCING", 1 << 13)];
/// `PER_LINUX32` of `linux/personality.h`.
const PER_LINUX32: u32 = 8;
/// Nodes that a memory policy may name; the kernel's `MAX_NUMNODES` is at most 1024.
pub(crate) const MAX_NODES: usize = 1024;

/// The steps; what cannot be done is refused rather than ignored.
pub(crate) fn compile(linux: &Linux) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    if let Some(personality) = &linux.personality {
        steps.push(Step::Personality(match personality.domain.as_str() {
            "LINUX" => 0,
            "LINUX32" => PER_LINUX32,
            other => return Err(Error::InvalidSpec(format!("unknown personality {other:?}"))),
        }));
        if let Some(flag) = personality.flags.first() {
            return Err(Error::InvalidSpec(format!("personality flag {flag:?} is not supported")));
        }
    }
    if let Some(policy) = &linux.memory_policy {
        steps.push(memory_policy(policy)?);
    }
    if linux.intel_rdt.is_some() {
        return Err(Error::InvalidSpec("intelRdt is not supported".into()));
    }
    if !linux.net_devices.is_empty() {
        return Err(Error::InvalidSpec("netDevices is not supported".into()));
    }
    Ok(steps)
}

fn memory_policy(policy: &MemoryPolicy) -> Result<Step, Error> {
    let unknown = |what: &str, name: &str| Error::InvalidSpec(format!("unknown memory policy {what} {name:?}"));
    let mode = MODES.iter().zip(0u32..).find(|(name, _)| **name == policy.mode);
    let (_, mut mode) = mode.ok_or_else(|| unknown("mode", &policy.mode))?;
    for flag in &policy.flags {
        let (_, bit) = FLAGS.iter().find(|(name, _)| name == flag).ok_or_else(|| unknown("flag", flag))?;
        mode |= bit;
    }
    let mut mask = Vec::new();
    for node in parse_list(&policy.nodes)? {
        if mask.len() <= node / 64 {
            mask.resize(node / 64 + 1, 0u64);
        }
        mask[node / 64] |= 1 << (node % 64);
    }
    Ok(Step::MemoryPolicy(mode, mask))
}

/// Numbers of a list such as `0-3,7`. However often one is in it, it counts once.
pub(crate) fn parse_list(list: &str) -> Result<BTreeSet<usize>, Error> {
    let invalid = || Error::InvalidSpec(format!("{list:?} is not a list of numbers"));
    let number = |text: &str| text.trim().parse::<usize>().ok().filter(|n| *n < MAX_NODES).ok_or_else(invalid);
    let mut numbers = BTreeSet::new();
    for part in list.split(',').filter(|p| !p.trim().is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(invalid());
        }
        numbers.extend(first..=last);
    }
    Ok(numbers)
}

/// The mask of a list of CPUs, as the kernel's tools write it.
pub(crate) fn mask(list: &str) -> Result<String, Error> {
    let mut words = [0u64; MAX_NODES / 64];
    for cpu in parse_list(list)? {
        words[cpu / 64] |= 1 << (cpu % 64);
    }
    let digits: String = words.iter().rev().map(|w| format!("{w:016x}")).collect();
    let digits = digits.trim_start_matches('0');
    Ok(format!("0x{}", if digits.is_empty() { "0" } else { digits }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use teu_oci::runtime::{IntelRdt, Personality};

    #[test]
    fn lists_are_ranges_and_numbers() {
        assert_eq!(parse_list("0-2, 7,1-2").unwrap(), [0, 1, 2, 7].into());
        assert_eq!(parse_list("").unwrap(), BTreeSet::new());
        for bad in ["x", "3-1", "-", "99999999999", "1-2-3"] {
            assert!(parse_list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn masks_are_hexadecimal() {
        assert_eq!(mask("0,1").unwrap(), "0x3");
        assert_eq!(mask("64").unwrap(), "0x10000000000000000");
        assert_eq!(mask("").unwrap(), "0x0");
    }

    #[test]
    fn a_policy_becomes_a_mode_and_a_mask() {
        let policy =
            MemoryPolicy { mode: "MPOL_BIND".into(), nodes: "0,65".into(), flags: vec!["MPOL_F_STATIC_NODES".into()] };
        assert!(matches!(memory_policy(&policy).unwrap(), Step::MemoryPolicy(mode, mask)
            if mode == 2 | 1 << 15 && mask == [1, 2]));
    }

    #[test]
    fn what_is_unsupported_is_refused() {
        assert!(compile(&Linux { intel_rdt: Some(IntelRdt::default()), ..Linux::default() }).is_err());
        let odd = Personality { domain: "SOLARIS".into(), ..Personality::default() };
        assert!(compile(&Linux { personality: Some(odd), ..Linux::default() }).is_err());
    }
}
