//! Cutting the numbers of system calls into ranges that are treated alike.

use super::condition::Simple;
use super::syscalls::{Syscall, X32_BIT};
use super::{Action, Arch, Error, Policy};

/// `__ARM_NR_BASE`: far above all other numbers, so not what the highest one is found from.
const ARM_PRIVATE_CALLS: u32 = 0xF_0000;

/// What happens with some calls: the first branch whose conditions all hold, or else the default.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Body {
    pub(super) branches: Vec<(Vec<Simple>, Action)>,
    pub(super) default: Action,
}

impl Body {
    fn plain(action: Action) -> Body {
        Body { branches: Vec::new(), default: action }
    }
}

/// Where ranges of calls begin, and what happens in each. The first begins at 0, and neighbours differ.
pub(super) fn ranges(policy: &Policy, named: &[Named], arches: &[Arch]) -> Result<Vec<(u32, Body)>, Error> {
    let mut ranges = Ranges(Vec::new());
    for (arch, first) in spaces(arches) {
        let Some(arch) = arch else {
            ranges.push(first, Body::plain(policy.bad_arch_action));
            continue;
        };
        let bodies = bodies(policy, named, arch)?;
        let newest = bodies.iter().map(|(number, _)| *number).rfind(|number| *number < first + ARM_PRIVATE_CALLS);
        let unnamed = |number: u32| match (policy.unknown_action, newest) {
            (Some(action), Some(newest)) if number > newest => Body::plain(action),
            _ => Body::plain(policy.default_action),
        };
        let mut at = first;
        for (number, body) in bodies {
            if at < number {
                ranges.push(at, unnamed(at));
            }
            ranges.push(number, body);
            at = number + 1;
        }
        ranges.push(at, unnamed(at));
    }
    // No call has the number -1: a tracer sets it to skip one.
    ranges.push(u32::MAX, Body::plain(policy.default_action));
    Ok(ranges.0)
}

/// Ranges in the making.
struct Ranges(Vec<(u32, Body)>);

impl Ranges {
    fn push(&mut self, start: u32, body: Body) {
        if self.0.last().is_none_or(|(_, last)| *last != body) {
            self.0.push((start, body));
        }
    }
}

/// The spaces of numbers under one audit number: whose, and where they begin. On x86 with 64 bits the upper one is x32's.
fn spaces(arches: &[Arch]) -> Vec<(Option<Arch>, u32)> {
    let only = |arch: Arch| arches.contains(&arch).then_some(arch);
    match arches.first() {
        Some(Arch::X86_64 | Arch::X32) => vec![(only(Arch::X86_64), 0), (only(Arch::X32), X32_BIT)],
        first => vec![(first.copied(), 0)],
    }
}

/// A call, and the index of a rule that names it.
pub(super) type Named = (Syscall, usize);

/// The calls that rules name; those that no architecture has are left out.
pub(super) fn named_calls(policy: &Policy) -> Vec<Named> {
    let rules = policy.rules.iter().enumerate();
    rules.flat_map(|(index, rule)| rule.syscalls.iter().filter_map(move |n| Some((Syscall::find(n)?, index)))).collect()
}

/// What happens with each named call, by its number.
fn bodies(policy: &Policy, named: &[Named], arch: Arch) -> Result<Vec<(u32, Body)>, Error> {
    let mut rules: Vec<(u32, usize)> =
        named.iter().filter_map(|(call, rule)| Some((arch.number_of(*call)?, *rule))).collect();
    rules.sort_unstable();
    rules.chunk_by(|a, b| a.0 == b.0).map(|rules| Ok((rules[0].0, body(policy, rules)?))).collect()
}

/// What the rules of one call come to. Those after the first without conditions are never reached.
fn body(policy: &Policy, rules: &[(u32, usize)]) -> Result<Body, Error> {
    let mut body = Body::plain(policy.default_action);
    for (_, index) in rules {
        let rule = &policy.rules[*index];
        if rule.conditions.is_empty() {
            body.default = rule.action;
            break;
        }
        let conditions = rule.conditions.iter().map(|c| Simple::new(*c)).collect::<Result<_, _>>()?;
        body.branches.push((conditions, rule.action));
    }
    // Branches that do what happens anyway need no test.
    while body.branches.last().is_some_and(|(_, action)| *action == body.default) {
        body.branches.pop();
    }
    Ok(body)
}
