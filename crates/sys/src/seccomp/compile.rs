//! The compiler: from a policy to classic BPF.
//!
//! For each architecture, the numbers of system calls are cut into ranges that are treated alike, and the range of a call
//! is found by binary search. Single numbers that are treated unlike those around them are exceptions in a range. What happens in a range is a *body*: an action, or conditions on arguments that lead to
//! actions. Bodies that are equal are compiled once.
//!
//! The program is built from its end to its beginning, since BPF only jumps forward: whatever a jump leads to is there
//! already. A conditional jump reaches 255 instructions; where that is not enough, a copy of the action, or a long jump,
//! is put in between.

use std::collections::BTreeMap;

use super::program::Instruction;
use super::ranges::{Body, Named, named_calls, ranges};
use super::{Action, Arch, Error, Flags, Policy, Program};

/// Offsets in the kernel's `struct seccomp_data`.
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCH: u32 = 4;

/// More exceptions are searched for.
const MOST_IN_A_ROW: usize = 4;

/// The kernel's `BPF_MAXINSNS`.
const MAX_INSTRUCTIONS: usize = 4096;

/// Compiles a policy.
///
/// # Errors
/// If a condition is invalid, the policy names no architecture this crate knows, or the program gets too long.
pub fn compile(policy: &Policy) -> Result<Program, Error> {
    let named = named_calls(policy);
    let mut builder = Builder::default();
    let mut next = builder.action(policy.bad_arch_action);
    // The first architecture is tested first and so comes last here.
    for (audit, arches) in by_audit_number(policy)?.into_iter().rev() {
        let start = builder.architecture(policy, &named, &arches)?;
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

/// Neighbouring numbers that are treated alike, but for single ones in between.
struct Run<'a> {
    start: u32,
    body: &'a Body,
    exceptions: Vec<(u32, &'a Body)>,
}

/// Joins ranges that only single numbers are between: to find one of these takes a comparison, while a range of its own takes two.
fn runs(ranges: &[(u32, Body)]) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    let mut rest = ranges;
    while let [(start, body), ..] = rest {
        let mut exceptions = Vec::new();
        rest = &rest[1..];
        while let [(number, exception), (after, same), ..] = rest
            && *after == number + 1
            && same == body
        {
            exceptions.push((*number, exception));
            rest = &rest[2..];
        }
        runs.push(Run { start: *start, body, exceptions });
    }
    runs
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
    bodies: BTreeMap<Body, Label>,
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
    fn architecture(&mut self, policy: &Policy, named: &[Named], arches: &[Arch]) -> Result<Label, Error> {
        let ranges = ranges(policy, named, arches)?;
        for (_, body) in &ranges {
            if !body.branches.is_empty() && !self.bodies.contains_key(body) {
                let label = self.body(body);
                self.bodies.insert(body.clone(), label);
            }
        }
        let tree = self.search(&runs(&ranges));
        // All calls alike: the number does not matter.
        let start = if ranges.len() == 1 { tree } else { self.emit(Instruction::load(OFFSET_NUMBER)) };
        // Guards against arithmetic on labels running away, long before the kernel refuses.
        if self.reversed.len() > 16 * MAX_INSTRUCTIONS { Err(Error::TooLong(self.reversed.len())) } else { Ok(start) }
    }

    /// A balanced tree of comparisons. Its first instruction is the one added last.
    fn search(&mut self, runs: &[Run<'_>]) -> Label {
        match runs {
            [] => unreachable!("there is always a range that starts at 0"),
            [run] => self.run(run.body, &run.exceptions),
            _ => {
                let (low, high) = runs.split_at(runs.len() / 2);
                let yes = self.search(high);
                let no = self.search(low);
                self.jump(Jump::GreaterOrEqual, high[0].start, yes, no)
            }
        }
    }

    /// Tests for the exceptions, one after the other if they are few.
    fn run(&mut self, body: &Body, exceptions: &[(u32, &Body)]) -> Label {
        if exceptions.len() > MOST_IN_A_ROW {
            let (low, high) = exceptions.split_at(exceptions.len() / 2);
            let yes = self.run(body, high);
            let no = self.run(body, low);
            return self.jump(Jump::GreaterOrEqual, high[0].0, yes, no);
        }
        let mut next = self.treatment(body);
        for (number, exception) in exceptions.iter().rev() {
            let yes = self.treatment(exception);
            next = self.jump(Jump::Equal, *number, yes, next);
        }
        next
    }

    /// What happens with a call.
    fn treatment(&mut self, body: &Body) -> Label {
        self.bodies.get(body).copied().unwrap_or_else(|| self.action(body.default))
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
