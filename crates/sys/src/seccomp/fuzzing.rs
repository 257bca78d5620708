//! Fuzz targets: compiled filters from a cache, and policies, whose compiled form is compared with their definition.

use super::interpreter::{Call, run};
use super::semantics::{decide, samples};
use super::{Action, Arch, Compare, Condition, Flags, Policy, Program, Rule, compile};

/// A compiled filter from a cache: what is read is what was written.
pub fn seccomp_program(data: &[u8]) {
    let Ok(program) = Program::from_bytes(data) else { return };
    let bytes = program.to_bytes();
    assert_eq!(Program::from_bytes(&bytes), Ok(program));
    // Only the flag for notifying has more than one form.
    assert_eq!(bytes.len(), data.len());
}

/// A policy made of the bytes: the compiled program decides as the definition does.
pub fn seccomp_policy(data: &[u8]) {
    seccomp_decides(&policy(&mut Bytes(data)));
}

/// Compares the compiled form of a policy with the definition: for the calls that it names and their neighbours, with
/// arguments around every value that it has.
pub fn seccomp_decides(policy: &Policy) {
    let Ok(program) = compile(policy) else { return };
    assert_eq!(Program::from_bytes(&program.to_bytes()).as_ref(), Ok(&program));
    let arches = [Arch::X86_64, Arch::X86, Arch::X32, Arch::Aarch64, Arch::Arm];
    let mut arguments = samples(policy);
    arguments.truncate(32);
    for arch in arches {
        let named = policy.rules.iter().flat_map(|rule| &rule.syscalls).filter_map(|name| arch.syscall_number(name));
        let mut numbers: Vec<u32> = named.take(40).flat_map(|n| [n.wrapping_sub(1), n, n.wrapping_add(1)]).collect();
        numbers.extend([0, 500, 0x4000_0000, 0xF_0000, u32::MAX]);
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            for arguments in &arguments {
                let call = Call { number, arch: arch.audit_number(), arguments: *arguments };
                assert_eq!(run(program.instructions(), &call), decide(policy, &call).encode(), "{call:x?} {policy:?}");
            }
        }
    }
    let foreign = Call { number: 0, arch: 0, arguments: [0; 6] };
    assert_eq!(run(program.instructions(), &foreign), policy.bad_arch_action.encode());
}

/// Bytes that are used up by choices; at their end everything is 0.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.next()) % from.len()]
    }

    /// Values where comparisons of 32-bit halves go wrong if they do, and any others.
    fn value(&mut self) -> u64 {
        const EDGES: [u64; 8] = [0, 1, 0xFFFF_FFFF, 1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX - 1, u64::MAX];
        match self.next() {
            edge @ 0..128 => EDGES[usize::from(edge) % EDGES.len()],
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.next())),
        }
    }
}

fn policy(bytes: &mut Bytes<'_>) -> Policy {
    const ARCHES: [Arch; 5] = [Arch::X86_64, Arch::X86, Arch::X32, Arch::Aarch64, Arch::Arm];
    let default_action = action(bytes);
    let unknown_action = (bytes.next() % 2 == 1).then(|| action(bytes));
    let bad_arch_action = action(bytes);
    let arches = (0..bytes.next() % 4).map(|_| bytes.pick(&ARCHES)).collect();
    let flags = Flags::from_bits_truncate(bytes.next().into());
    let mut rules = Vec::new();
    while !bytes.0.is_empty() && rules.len() < 40 {
        rules.push(rule(bytes));
    }
    Policy { default_action, unknown_action, bad_arch_action, arches, rules, flags }
}

fn rule(bytes: &mut Bytes<'_>) -> Rule {
    const NAMES: [&str; 12] = [
        "read",
        "write",
        "socket",
        "clone",
        "clone3",
        "ptrace",
        "set_tls",
        "mmap2",
        "arm_fadvise64_64",
        "open_tree_attr",
        "chown32",
        "no_such_call",
    ];
    let syscalls = (0..=bytes.next() % 3).map(|_| bytes.pick(&NAMES).to_owned()).collect();
    let action = action(bytes);
    let conditions = (0..bytes.next() % 4).map(|_| condition(bytes)).collect();
    Rule { syscalls, action, conditions }
}

fn condition(bytes: &mut Bytes<'_>) -> Condition {
    let argument = bytes.next() % 6;
    let mask = bytes.value();
    let compare = bytes.pick(&[
        Compare::NotEqual,
        Compare::Less,
        Compare::LessOrEqual,
        Compare::Equal,
        Compare::GreaterOrEqual,
        Compare::Greater,
        Compare::MaskedEqual { mask },
    ]);
    Condition { argument, compare, value: bytes.value() }
}

fn action(bytes: &mut Bytes<'_>) -> Action {
    let number = u16::from(bytes.next());
    bytes.pick(&[
        Action::Allow,
        Action::Errno(number),
        Action::KillProcess,
        Action::KillThread,
        Action::Trap,
        Action::Trace(number),
        Action::Log,
        Action::Notify,
    ])
}
