//! What a policy means, read literally: what tests and fuzz targets compare the compiler with.

use super::interpreter::Call;
use super::syscalls::X32_BIT;
use super::{Action, Arch, Compare, Condition, Policy};

/// What a policy says about a call.
pub(super) fn decide(policy: &Policy, call: &Call) -> Action {
    let native = Arch::native().filter(|_| policy.arches.is_empty());
    let mut candidates = policy.arches.iter().copied().chain(native).filter(|a| a.audit_number() == call.arch);
    let wide = call.arch == Arch::X86_64.audit_number();
    let arch = if wide {
        if candidates.clone().next().is_some() && call.number == u32::MAX {
            return policy.default_action;
        }
        let expected = if call.number >= X32_BIT { Arch::X32 } else { Arch::X86_64 };
        candidates.find(|a| *a == expected)
    } else {
        candidates.next()
    };
    let Some(arch) = arch else { return policy.bad_arch_action };
    let names = |name: &String| arch.syscall_number(name) == Some(call.number);
    for rule in policy.rules.iter().filter(|rule| rule.syscalls.iter().any(names)) {
        if rule.conditions.iter().all(|condition| holds(condition, call)) {
            return rule.action;
        }
    }
    let named = || policy.rules.iter().flat_map(|rule| &rule.syscalls).filter_map(|name| arch.syscall_number(name));
    let highest = named().filter(|number| number & !X32_BIT < 0xF_0000).max();
    let is_new = highest.is_some_and(|highest| call.number > highest) && call.number != u32::MAX;
    match policy.unknown_action {
        Some(action) if is_new && !named().any(|number| number == call.number) => action,
        _ => policy.default_action,
    }
}

fn holds(condition: &Condition, call: &Call) -> bool {
    let argument = call.arguments[usize::from(condition.argument)];
    let value = condition.value;
    match condition.compare {
        Compare::NotEqual => argument != value,
        Compare::Less => argument < value,
        Compare::LessOrEqual => argument <= value,
        Compare::Equal => argument == value,
        Compare::GreaterOrEqual => argument >= value,
        Compare::Greater => argument > value,
        Compare::MaskedEqual { mask } => argument & mask == value,
    }
}

/// Arguments around every value that a condition has: each in turn in its own argument while the others are small, and
/// in all arguments at once.
pub(super) fn samples(policy: &Policy) -> Vec<[u64; 6]> {
    let mut samples = vec![[0; 6], [1; 6], [u64::MAX; 6]];
    for condition in policy.rules.iter().flat_map(|rule| &rule.conditions) {
        let mut values = vec![condition.value];
        values.extend([1, 1 << 32, 1 << 63].map(|step| condition.value.wrapping_add(step)));
        values.extend([1, 1 << 32].map(|step| condition.value.wrapping_sub(step)));
        if let Compare::MaskedEqual { mask } = condition.compare {
            values.extend([mask, !mask, mask & mask.wrapping_neg(), condition.value | !mask]);
        }
        for value in values {
            samples.push([value; 6]);
            let mut single = [0; 6];
            single[usize::from(condition.argument)] = value;
            samples.push(single);
        }
    }
    samples.sort_unstable();
    samples.dedup();
    samples
}
