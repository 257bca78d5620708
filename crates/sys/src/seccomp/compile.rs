//! The compiler: from a policy to classic BPF.
//!
//! For each architecture, the numbers of system calls are cut into ranges that are treated alike, and the range of a call
//! is found by binary search. What happens in a range is a *body*: an action, or conditions on arguments that lead to
//! actions. Bodies that are equal are compiled once.
//!
//! The program is built from its end to its beginning, since BPF only jumps forward: whatever a jump leads to is there
//! already. A conditional jump reaches 255 instructions; where that is not enough, a copy of the action, or a long jump,
//! is put in between.

use std::collections::BTreeMap;

use super::condition::Simple;
use super::program::Instruction;
use super::syscalls::X32_BIT;
use super::{Action, Arch, Error, Flags, Policy, Program};

/// Offsets in the kernel's `struct seccomp_data`.
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCH: u32 = 4;

/// `__ARM_NR_BASE`: far above all other numbers, so not what the highest one is found from.
const ARM_PRIVATE_CALLS: u32 = 0xF_0000;

/// The kernel's `BPF_MAXINSNS`.
const MAX_INSTRUCTIONS: usize = 4096;

/// Compiles a policy.
///
/// # Errors
/// If a condition is invalid, the policy names no architecture this crate knows, or the program gets too long.
pub fn compile(policy: &Policy) -> Result<Program, Error> {
    let mut builder = Builder::default();
    let mut next = builder.action(policy.bad_arch_action);
    // The first architecture is tested first and so comes last here.
    for (audit, arches) in by_audit_number(policy)?.into_iter().rev() {
        let start = builder.architecture(policy, &arches)?;
        next = builder.jump(Jump::Equal, audit, start, next);
    }
    builder.emit(Instruction::load(OFFSET_ARCH));
    builder.finish(policy)
}

/// Architectures of a policy by the number the kernel reports for them, in their order.
fn by_audit_number(policy: &Policy) -> Result<Vec<(u32, Vec<Arch>)>, Error> {
    let native = if policy.arches.is_empty() { Some(Arch::native().ok_or(Error::UnknownArchitecture)?) } else { None };
    let mut groups: Vec<(u32, Vec<Arch>)> = Vec::new();
    for arch in policy.arches.iter().copied().chain(native) {
        match groups.iter_mut().find(|(audit, _)| *audit == arch.audit_number()) {
            Some((_, arches)) if arches.contains(&arch) => {}
            Some((_, arches)) => arches.push(arch),
            None => groups.push((arch.audit_number(), vec![arch])),
        }
    }
    Ok(groups)
}

/// What happens with some calls: the first branch whose conditions all hold, or else the default.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Body {
    branches: Vec<(Vec<Simple>, Action)>,
    default: Action,
}

impl Body {
    fn plain(action: Action) -> Body {
        Body { branches: Vec::new(), default: action }
    }
}

/// Where ranges of calls begin, and what happens in each.
type Ranges = Vec<(u32, Body)>;

/// The ranges of the architectures that share an audit number.
fn ranges(policy: &Policy, arches: &[Arch]) -> Result<Ranges, Error> {
    let mut points: BTreeMap<u32, Body> = BTreeMap::new();
    let mut spans: Vec<(u32, Body)> = Vec::new();
    for (arch, first) in spaces(arches) {
        let Some(arch) = arch else {
            spans.push((first, Body::plain(policy.bad_arch_action)));
            continue;
        };
        let named = bodies(policy, arch)?;
        spans.push((first, Body::plain(policy.default_action)));
        let highest = named.range(..first + ARM_PRIVATE_CALLS).next_back().map(|(number, _)| *number);
        if let (Some(action), Some(highest)) = (policy.unknown_action, highest) {
            spans.push((highest + 1, Body::plain(action)));
        }
        points.extend(named);
    }
    // No call has the number -1: a tracer sets it to skip one.
    points.insert(u32::MAX, Body::plain(policy.default_action));
    Ok(merge(spans, points))
}

/// The spaces of numbers under one audit number: whose, and where they begin. On x86 with 64 bits the upper one is x32's.
fn spaces(arches: &[Arch]) -> Vec<(Option<Arch>, u32)> {
    let only = |arch: Arch| arches.contains(&arch).then_some(arch);
    match arches.first() {
        Some(Arch::X86_64 | Arch::X32) => {
            vec![(only(Arch::X86_64), 0), (only(Arch::X32), X32_BIT)]
        }
        first => vec![(first.copied(), 0)],
    }
}

/// What happens with each call that a rule names.
fn bodies(policy: &Policy, arch: Arch) -> Result<BTreeMap<u32, Body>, Error> {
    let mut bodies: BTreeMap<u32, Body> = BTreeMap::new();
    let mut decided: BTreeMap<u32, bool> = BTreeMap::new();
    for rule in &policy.rules {
        let conditions = rule.conditions.iter().map(|c| Simple::new(*c)).collect::<Result<Vec<_>, _>>()?;
        for number in rule.syscalls.iter().filter_map(|name| arch.syscall_number(name)) {
            let body = bodies.entry(number).or_insert_with(|| Body::plain(policy.default_action));
            let decided = decided.entry(number).or_insert(false);
            if *decided {
                continue;
            }
            if conditions.is_empty() {
                body.default = rule.action;
                *decided = true;
            } else {
                body.branches.push((conditions.clone(), rule.action));
            }
        }
    }
    for body in bodies.values_mut() {
        // Branches that do what happens anyway need no test.
        while body.branches.last().is_some_and(|(_, action)| *action == body.default) {
            body.branches.pop();
        }
    }
    Ok(bodies)
}

/// Lays single numbers over spans (sorted by their beginning), joining neighbours that are alike.
fn merge(spans: Vec<(u32, Body)>, points: BTreeMap<u32, Body>) -> Ranges {
    let mut ranges: Ranges = Vec::new();
    let mut push = |start: u32, body: &Body| match ranges.last() {
        Some((_, last)) if last == body => {}
        _ => ranges.push((start, body.clone())),
    };
    for (index, (start, body)) in spans.iter().enumerate() {
        let end = spans.get(index + 1).map_or(u32::MAX, |(next, _)| next - 1);
        let mut at = *start;
        for (number, point) in points.range(start..=&end) {
            if at < *number {
                push(at, body);
            }
            push(*number, point);
            at = number.saturating_add(1);
        }
        if at <= end && at != u32::MAX {
            push(at, body);
        }
    }
    ranges
}

/// An instruction's place, counted from the end of the program.
pub(super) type Label = usize;

/// Comparisons of the accumulator with a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Jump {
    Equal,
    Greater,
    GreaterOrEqual,
}

/// The program, last instruction first.
#[derive(Debug, Default)]
pub(super) struct Builder {
    reversed: Vec<Instruction>,
    actions: BTreeMap<Action, Label>,
    notifies: bool,
}

impl Builder {
    /// Adds an instruction before all others.
    pub(super) fn emit(&mut self, instruction: Instruction) -> Label {
        self.reversed.push(instruction);
        self.reversed.len() - 1
    }

    /// Adds a conditional jump, and what it needs to reach its targets.
    pub(super) fn jump(&mut self, jump: Jump, value: u32, yes: Label, no: Label) -> Label {
        // A long jump put in for one target moves the other one place farther away.
        let yes = self.reachable(yes, 1);
        let no = self.reachable(no, 0);
        let (jt, jf) = (self.distance(yes), self.distance(no));
        match (jt.try_into(), jf.try_into()) {
            (Ok(jt), Ok(jf)) => self.emit(Instruction::jump(jump, value, jt, jf)),
            _ => unreachable!("targets have just been brought within reach"),
        }
    }

    /// Instructions between the next one and a label.
    fn distance(&self, label: Label) -> usize {
        self.reversed.len() - label - 1
    }

    /// A label near enough for a conditional jump that comes after `margin` further instructions.
    fn reachable(&mut self, label: Label, margin: usize) -> Label {
        if self.distance(label) + margin <= usize::from(u8::MAX) {
            return label;
        }
        let target = self.reversed[label];
        if target.is_return() {
            return self.emit(target);
        }
        let distance = u32::try_from(self.distance(label)).unwrap_or(u32::MAX);
        self.emit(Instruction::skip(distance))
    }

    /// An instruction that ends the program with an action; a near one if there is one.
    fn action(&mut self, action: Action) -> Label {
        let known = self.actions.get(&action).copied();
        if let Some(label) = known.filter(|&label| self.distance(label) < usize::from(u8::MAX)) {
            return label;
        }
        self.notifies |= action == Action::Notify;
        let label = self.emit(Instruction::ret(action.encode()));
        self.actions.insert(action, label);
        label
    }

    /// Loads the number and decides.
    fn architecture(&mut self, policy: &Policy, arches: &[Arch]) -> Result<Label, Error> {
        let ranges = ranges(policy, arches)?;
        let mut compiled: BTreeMap<&Body, Label> = BTreeMap::new();
        for (_, body) in ranges.iter().filter(|(_, body)| !body.branches.is_empty()) {
            if !compiled.contains_key(body) {
                let label = self.body(body);
                compiled.insert(body, label);
            }
        }
        let tree = self.search(&ranges, &compiled);
        // All calls alike: the number does not matter.
        let start = if ranges.len() == 1 { tree } else { self.emit(Instruction::load(OFFSET_NUMBER)) };
        // Guards against arithmetic on labels running away, long before the kernel refuses.
        if self.reversed.len() > 16 * MAX_INSTRUCTIONS { Err(Error::TooLong(self.reversed.len())) } else { Ok(start) }
    }

    /// A balanced tree of comparisons. Its first instruction is the one added last.
    fn search(&mut self, ranges: &[(u32, Body)], compiled: &BTreeMap<&Body, Label>) -> Label {
        match ranges {
            [] => unreachable!("there is always a range that starts at 0"),
            [(_, body)] => compiled.get(body).copied().unwrap_or_else(|| self.action(body.default)),
            _ => {
                let (low, high) = ranges.split_at(ranges.len() / 2);
                let yes = self.search(high, compiled);
                let no = self.search(low, compiled);
                self.jump(Jump::GreaterOrEqual, high[0].0, yes, no)
            }
        }
    }

    fn body(&mut self, body: &Body) -> Label {
        let mut next = self.action(body.default);
        for (conditions, action) in body.branches.iter().rev() {
            let mut yes = self.action(*action);
            for condition in conditions.iter().rev() {
                yes = condition.emit(self, yes, next);
            }
            next = yes;
        }
        next
    }

    fn finish(mut self, policy: &Policy) -> Result<Program, Error> {
        if self.reversed.len() > MAX_INSTRUCTIONS {
            return Err(Error::TooLong(self.reversed.len()));
        }
        self.reversed.reverse();
        let flags = if self.notifies { policy.flags | Flags::NEW_LISTENER } else { policy.flags };
        Ok(Program { instructions: self.reversed, flags, notifies: self.notifies })
    }
}
