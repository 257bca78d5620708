//! What a list of device rules comes to, and the eBPF program for it.
//!
//! The devices controller of v1 knows a default and exceptions from it. Rules are brought to that form for v2 too, so
//! that both versions decide alike (kernel documentation: cgroup-v1/devices).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{DeviceAccess, DeviceKind, DeviceRule, Error, Result};
use crate::bpf::Instruction;

/// A default and the exceptions from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeviceTable {
    allow: bool,
    exceptions: BTreeMap<Nodes, DeviceAccess>,
}

/// Some device nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Nodes {
    /// Block rather than character devices.
    block: bool,
    major: Option<u32>,
    minor: Option<u32>,
}

impl Nodes {
    fn covers(self, other: Nodes) -> bool {
        self.block == other.block && covers(self.major, other.major) && covers(self.minor, other.minor)
    }

    fn overlaps(self, other: Nodes) -> bool {
        let meet = |a: Option<u32>, b: Option<u32>| covers(a, b) || covers(b, a);
        self.block == other.block && meet(self.major, other.major) && meet(self.minor, other.minor)
    }
}

fn covers(wide: Option<u32>, narrow: Option<u32>) -> bool {
    wide.is_none() || wide == narrow
}

impl DeviceTable {
    /// Applies rules in order to "deny everything".
    pub(super) fn from_rules(rules: &[DeviceRule]) -> Result<DeviceTable> {
        let mut table = DeviceTable { allow: false, exceptions: BTreeMap::new() };
        for rule in rules {
            let everything = rule.major.is_none() && rule.minor.is_none() && rule.access == DeviceAccess::all();
            if rule.kind == DeviceKind::All && everything {
                table = DeviceTable { allow: rule.allow, exceptions: BTreeMap::new() };
                continue;
            }
            for block in [false, true] {
                let skipped = if block { DeviceKind::Char } else { DeviceKind::Block };
                if rule.kind != skipped {
                    table.add(rule, Nodes { block, major: rule.major, minor: rule.minor })?;
                }
            }
        }
        Ok(table)
    }

    fn add(&mut self, rule: &DeviceRule, nodes: Nodes) -> Result<()> {
        if rule.allow != self.allow {
            let access = self.exceptions.entry(nodes).or_insert(DeviceAccess::empty());
            *access |= rule.access;
            return Ok(());
        }
        // Back to the default: exceptions within it go. One that is wider cannot have a hole.
        for (exception, access) in &mut self.exceptions {
            if nodes.covers(*exception) {
                *access -= rule.access;
            } else if nodes.overlaps(*exception) && access.intersects(rule.access) {
                let reason = "it takes back a part of a wider rule before it, which device cgroups cannot express";
                return Err(Error::InvalidValue { what: "device rule", value: line(&nodes, rule.access), reason });
            }
        }
        self.exceptions.retain(|_, access| !access.is_empty());
        Ok(())
    }

    /// Whether what is not excepted is allowed.
    pub(super) fn allows_by_default(&self) -> bool {
        self.allow
    }

    pub(super) fn allows_everything(&self) -> bool {
        self.allow && self.exceptions.is_empty()
    }

    /// The exceptions as v1 writes them.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.exceptions.iter().map(|(nodes, access)| line(nodes, *access))
    }

    /// The exceptions, or parts of them, that another table does not have, as v1 writes them.
    pub(super) fn beyond(&self, other: &DeviceTable) -> impl Iterator<Item = String> {
        self.exceptions.iter().filter_map(|(nodes, access)| {
            let access = *access - other.exceptions.get(nodes).copied().unwrap_or(DeviceAccess::empty());
            (!access.is_empty()).then(|| line(nodes, access))
        })
    }

    /// Parses v1's `devices.list`. `None` if a line is not understood.
    pub(super) fn parse_list(text: &str) -> Option<DeviceTable> {
        let rules: Option<Vec<DeviceRule>> = text.lines().map(parse_line).collect();
        DeviceTable::from_rules(&rules?).ok()
    }

    /// Whether an access is allowed, as v1's controller decides.
    #[cfg(test)]
    pub(super) fn permits(&self, block: bool, major: u32, minor: u32, access: DeviceAccess) -> bool {
        let node = Nodes { block, major: Some(major), minor: Some(minor) };
        let mut matching = self.exceptions.iter().filter(|(nodes, _)| nodes.covers(node)).map(|(_, access)| *access);
        if self.allow {
            !matching.any(|denied| denied.intersects(access))
        } else {
            matching.any(|a| a.contains(access))
        }
    }

    /// The program that decides the same.
    ///
    /// Context (`struct bpf_cgroup_dev_ctx`): access in the high half and kind in the low half of the first word, then
    /// major, then minor.
    pub(super) fn compile(&self) -> Vec<Instruction> {
        let mut program = vec![
            Instruction::load(KIND, CONTEXT, 0),
            Instruction::load(MAJOR, CONTEXT, 4),
            Instruction::load(MINOR, CONTEXT, 8),
            Instruction::copy(ACCESS, KIND),
            Instruction::and(KIND, 0xFFFF),
            Instruction::shift_right(ACCESS, 16),
        ];
        for (nodes, access) in &self.exceptions {
            self.compile_exception(*nodes, *access, &mut program);
        }
        program.extend([Instruction::set(RESULT, u32::from(self.allow)), Instruction::exit()]);
        program
    }

    fn compile_exception(&self, nodes: Nodes, access: DeviceAccess, program: &mut Vec<Instruction>) {
        let mut checks = vec![(KIND, if nodes.block { BPF_DEVCG_DEV_BLOCK } else { BPF_DEVCG_DEV_CHAR })];
        checks.extend(nodes.major.map(|major| (MAJOR, major)));
        checks.extend(nodes.minor.map(|minor| (MINOR, minor)));
        // Each check that fails skips those after it and the five instructions below.
        let mut skip = i16::try_from(checks.len()).unwrap_or(0) + 4;
        for (register, value) in checks {
            program.push(Instruction::jump_if_not(register, value, skip));
            skip -= 1;
        }
        let denied = DeviceAccess::all() - access;
        let (mask, test) = if self.allow {
            (access, Instruction::jump_if(SCRATCH, 0, 2))
        } else {
            (denied, Instruction::jump_if_not(SCRATCH, 0, 2))
        };
        program.extend([
            Instruction::copy(SCRATCH, ACCESS),
            Instruction::and(SCRATCH, u32::from(mask.bits())),
            test,
            Instruction::set(RESULT, u32::from(!self.allow)),
            Instruction::exit(),
        ]);
    }
}

const RESULT: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const SCRATCH: u8 = 6;

/// `BPF_DEVCG_DEV_BLOCK` and `BPF_DEVCG_DEV_CHAR` of the kernel's `bpf.h`.
const BPF_DEVCG_DEV_BLOCK: u32 = 1;
const BPF_DEVCG_DEV_CHAR: u32 = 2;

/// `c 1:* rw`
fn line(nodes: &Nodes, access: DeviceAccess) -> String {
    let mut line = String::from(if nodes.block { "b " } else { "c " });
    for (number, end) in [(nodes.major, ':'), (nodes.minor, ' ')] {
        match number {
            Some(number) => _ = write!(line, "{number}"),
            None => line.push('*'),
        }
        line.push(end);
    }
    for (flag, letter) in [(DeviceAccess::READ, 'r'), (DeviceAccess::WRITE, 'w'), (DeviceAccess::MKNOD, 'm')] {
        if access.contains(flag) {
            line.push(letter);
        }
    }
    line
}

fn parse_line(text: &str) -> Option<DeviceRule> {
    let mut words = text.split_whitespace();
    let kind = match words.next()? {
        "a" => DeviceKind::All,
        "b" => DeviceKind::Block,
        "c" => DeviceKind::Char,
        _ => return None,
    };
    let (major, minor) = words.next()?.split_once(':')?;
    let number = |text: &str| if text == "*" { Some(None) } else { text.parse().ok().map(Some) };
    let mut access = DeviceAccess::empty();
    for letter in words.next()?.chars() {
        access |= match letter {
            'r' => DeviceAccess::READ,
            'w' => DeviceAccess::WRITE,
            'm' => DeviceAccess::MKNOD,
            _ => return None,
        };
    }
    Some(DeviceRule { allow: true, kind, major: number(major)?, minor: number(minor)?, access })
}

#[cfg(test)]
mod tests;
