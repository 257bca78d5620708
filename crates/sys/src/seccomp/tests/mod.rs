//! The compiler against the definition of a policy.

use super::interpreter::{Call, run};
use super::semantics::{decide, samples};
use super::*;

const ARCHES: [Arch; 5] = [Arch::X86_64, Arch::X86, Arch::X32, Arch::Aarch64, Arch::Arm];

fn rule(names: &[&str], action: Action, conditions: &[(u8, Compare, u64)]) -> Rule {
    Rule {
        syscalls: names.iter().map(|name| (*name).to_owned()).collect(),
        action,
        conditions: conditions
            .iter()
            .map(|&(argument, compare, value)| Condition { argument, compare, value })
            .collect(),
    }
}

/// Compares program and definition for every number up to 600 and those around the edges; where a rule names the call,
/// with arguments around every value that a condition has.
fn assert_equals_definition(policy: &Policy) -> Program {
    let program = compile(policy).unwrap();
    let numbers = (0..600).chain(0xEFFF0..0xF0010).chain(0x3FFF_FFFE..0x4000_0300).chain(u32::MAX - 3..=u32::MAX);
    let arguments = samples(policy);
    let named: Vec<u32> = ARCHES
        .iter()
        .flat_map(|arch| policy.rules.iter().flat_map(|r| &r.syscalls).filter_map(|name| arch.syscall_number(name)))
        .collect();
    for arch in ARCHES.map(Arch::audit_number).into_iter().chain([0]) {
        for number in numbers.clone() {
            let count = if named.contains(&number) { arguments.len() } else { 1 };
            for arguments in &arguments[..count] {
                let call = Call { number, arch, arguments: *arguments };
                assert_eq!(run(program.instructions(), &call), decide(policy, &call).encode(), "{call:x?}");
            }
        }
    }
    program
}

#[test]
fn every_comparison() {
    use Compare::*;
    let masks = [0, 0xFF, 0xFF00_0000_0000, 0xFFFF_FFFF, u64::MAX, 0x7E02_0000];
    let compares = [NotEqual, Less, LessOrEqual, Equal, GreaterOrEqual, Greater]
        .into_iter()
        .chain(masks.map(|mask| MaskedEqual { mask }));
    for compare in compares {
        for value in [0, 1, 0xFF, 0x1_0000_0000, 0xFFFF_FFFF, 0x1_FFFF_FFFF, u64::MAX, 0xFF00_0000_0000] {
            let policy = Policy {
                default_action: Action::Errno(1),
                arches: vec![Arch::X86_64],
                rules: vec![rule(&["read"], Action::Allow, &[(0, compare, value)])],
                ..Policy::default()
            };
            assert_equals_definition(&policy);
        }
    }
}

#[test]
fn several_conditions_and_rules() {
    use Compare::*;
    let policy = Policy {
        default_action: Action::Errno(1),
        unknown_action: Some(Action::Errno(38)),
        arches: ARCHES.to_vec(),
        rules: vec![
            rule(&["read", "write"], Action::Log, &[(0, Equal, 3), (2, Less, 5)]),
            rule(&["read"], Action::Trap, &[(1, NotEqual, 7)]),
            rule(&["write", "close"], Action::Allow, &[]),
            rule(&["write"], Action::KillThread, &[]),
            rule(&["socket"], Action::Allow, &[(0, Less, 38)]),
            rule(&["socket"], Action::Allow, &[(0, Equal, 39)]),
            rule(&["socket"], Action::Allow, &[(0, Greater, 40)]),
            rule(&["clone"], Action::Allow, &[(0, MaskedEqual { mask: 0x7E02_0000 }, 0)]),
            rule(&["ptrace"], Action::Trace(77), &[(5, GreaterOrEqual, 1 << 40)]),
            rule(&["mount"], Action::Notify, &[]),
        ],
        ..Policy::default()
    };
    let program = assert_equals_definition(&policy);
    assert!(program.notifies() && program.flags().contains(Flags::NEW_LISTENER));
}

#[test]
fn one_architecture_of_two_that_share_a_number() {
    for arches in [vec![Arch::X86_64], vec![Arch::X32], vec![Arch::X32, Arch::X86_64, Arch::X32], vec![]] {
        let rules = vec![rule(&["read", "setxattrat"], Action::Errno(5), &[])];
        assert_equals_definition(&Policy { arches, rules, unknown_action: Some(Action::Trap), ..Policy::default() });
    }
}

#[test]
fn nothing_but_a_default() {
    for default_action in [Action::Allow, Action::Errno(13), Action::KillProcess] {
        assert_equals_definition(&Policy { default_action, arches: ARCHES.to_vec(), ..Policy::default() });
    }
}

/// Bodies long enough that jumps over them need help.
#[test]
fn far_jumps() {
    let names = ["read", "write", "open", "close", "ioctl", "mmap", "brk", "poll"];
    let long = |name: &&str| {
        let conditions =
            |n: u64| [(0, Compare::Equal, n << 33 | n), (1, Compare::Less, n * 3), (3, Compare::Greater, n)];
        (0..12)
            .map(|n| rule(&[*name], Action::Errno(u16::try_from(n).unwrap()), &conditions(n + name.len() as u64)))
            .collect()
    };
    let rules: Vec<Rule> = names.iter().flat_map::<Vec<Rule>, _>(long).collect();
    let policy = Policy { arches: vec![Arch::X86_64, Arch::X86], rules, ..Policy::default() };
    let program = assert_equals_definition(&policy);
    assert!(program.instructions().iter().any(|instruction| instruction.code == program::SKIP));
}

#[test]
fn what_the_kernel_cannot_take_is_refused() {
    let policy =
        |conditions: &[_]| Policy { rules: vec![rule(&["read"], Action::Trap, conditions)], ..Policy::default() };
    assert_eq!(compile(&policy(&[(6, Compare::Equal, 0)])), Err(Error::InvalidArgument(6)));
    let many: Vec<_> = (0..2000).map(|n| (0, Compare::NotEqual, n)).collect();
    assert!(matches!(compile(&policy(&many)), Err(Error::TooLong(_))));
}

#[test]
fn programs_survive_as_bytes() {
    let program = compile(&Policy { flags: Flags::LOG, ..Policy::default() }).unwrap();
    let bytes = program.to_bytes();
    assert_eq!(Program::from_bytes(&bytes), Ok(program));
    for end in 0..bytes.len() {
        assert!(Program::from_bytes(&bytes[..end]).is_err());
    }
}
