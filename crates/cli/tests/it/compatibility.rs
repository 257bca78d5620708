//! The table of flags in `docs/compatibility.md`, held against the flags there are and those that Docker has.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{outcome, program};

const TABLE: &str = include_str!("../../../../docs/compatibility.md");
/// What Docker's own help lists, command by command.
const DOCKER: &str = include_str!("docker-28.2.2-flags.txt");

type Flags = BTreeSet<String>;

/// The flags that the help of a command lists.
fn flags(command: &str) -> Flags {
    let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
    let (code, help, _) = outcome(program(&arguments).output().unwrap());
    assert_eq!(code, 0, "{command}");
    // `  -f, --flag value   about`, `      --flag   about`; what is further to the right is text.
    let flag = |line: &str| {
        let long = line
            .strip_prefix("      --")
            .or_else(|| line.strip_prefix("  -")?.split_once(", --").map(|(_, long)| long))?;
        Some(long.split(' ').next()?.to_owned())
    };
    help.lines().filter_map(flag).filter(|flag| flag != "help").collect()
}

/// The rows of the table: the flags that are the same, differ, are not built, and are ours alone.
fn rows() -> BTreeMap<String, [Flags; 4]> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let command = cells.next()?.trim_end_matches('`').to_owned();
        let names =
            |cell: &str| cell.split_whitespace().filter_map(|flag| flag.strip_prefix("`--")).map(bare).collect();
        let columns: Vec<Flags> = cells.take(4).map(names).collect();
        Some((command, columns.try_into().ok()?))
    };
    TABLE.lines().filter_map(row).filter(|(command, _): &(String, _)| !command.contains('/')).collect()
}

fn bare(flag: &str) -> String {
    flag.trim_end_matches('`').to_owned()
}

#[test]
fn every_flag_of_docker_has_its_place() {
    let rows = rows();
    let docker: BTreeMap<&str, Flags> = DOCKER
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(command, flags)| (command, flags.split_whitespace().map(str::to_owned).collect()))
        .collect();
    let missing: Vec<&&str> = docker.keys().filter(|command| !rows.contains_key(**command)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for (command, columns) in &rows {
        let [same, differing, unbuilt, own] = columns;
        let listed: Vec<&String> = columns.iter().flatten().collect();
        let all: Flags = listed.iter().map(|flag| (*flag).clone()).collect();
        assert_eq!(listed.len(), all.len(), "{command}: a flag is listed twice");
        let dockers: Flags = same.iter().chain(differing).chain(unbuilt).cloned().collect();
        // A command that Docker does not have has flags of ours alone.
        let known = docker.get(command.as_str()).cloned().unwrap_or_default();
        assert_eq!(dockers, known, "{command}");
        assert_eq!(all, flags(command), "{command}: what its help says");
        assert!(own.is_disjoint(&known), "{command}");
    }
}

#[test]
fn every_command_is_in_the_table() {
    let rows = rows();
    for noun in ["container", "network", "system", "context"] {
        let (_, help, _) = outcome(program(&[noun, "--help"]).output().unwrap());
        let verbs = help.split("\nCommands:\n").nth(1).unwrap_or_default();
        let verbs: Vec<&str> = verbs
            .lines()
            .take_while(|line| line.starts_with("  "))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert!(verbs.len() > 3, "{help}");
        for verb in verbs {
            assert!(rows.contains_key(&format!("{noun} {verb}")), "{noun} {verb}");
        }
    }
}
