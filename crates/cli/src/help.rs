//! Help texts, laid out as Docker's.

use std::fmt::Write;

use clap::{Arg, Command};

use crate::commands::{self, NOUNS};
use crate::flags::is_switch;
use crate::verb::Spec;

/// Width when there is no terminal to ask.
const DEFAULT_WIDTH: usize = 80;
/// Wider lines are hard to read.
const MAX_WIDTH: usize = 120;
/// Heading of flags that have none of their own.
const OPTIONS: &str = "Options";
/// Commands that stand first in the overview.
const COMMON: [&str; 7] = ["run", "exec", "ps", "pull", "images", "version", "info"];

/// The width to wrap at: the terminal's, within reason.
pub(crate) fn width() -> usize {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col).clamp(40, MAX_WIDTH),
        _ => DEFAULT_WIDTH,
    }
}

/// A usage line: how the command was called, and what may follow. Further lines are of the short form.
pub(crate) fn usage(command: &str, usage: &str) -> String {
    let program = command.split(' ').next().unwrap_or_default();
    format!("{command} {}", usage.replace("\n\t", &format!("\n\t{program} ")))
}

/// Help of one command. `path` is how it was called (`teu container run`).
pub(crate) fn command(program: &str, path: &str, spec: &Spec, parser: &Command, width: usize) -> String {
    let mut out = format!("Usage:  {}\n\n{}\n", usage(path, spec.usage).trim_end(), spec.about);
    let aliases = aliases(program, spec);
    if aliases.len() > 1 {
        let _ = write!(out, "\nAliases:\n  {}\n", aliases.join(", "));
    }
    for (heading, flags) in groups(parser) {
        let _ = write!(out, "\n{heading}:\n{}", describe(&flags, width));
    }
    if !spec.examples.is_empty() {
        out.push_str("\nExamples:\n");
        for (what, line) in spec.examples {
            let _ = writeln!(out, "  # {what}\n  {program} {line}");
        }
    }
    out
}

fn aliases(program: &str, spec: &Spec) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    if !spec.noun.is_empty() {
        names.extend(spec.names.iter().map(|name| format!("{program} {} {name}", spec.noun)));
    }
    if !spec.top.is_empty() {
        names.push(format!("{program} {}", spec.top));
    }
    names
}

/// Visible flags by heading, sorted by name; those without heading first.
fn groups(parser: &Command) -> Vec<(String, Vec<&Arg>)> {
    let mut groups: Vec<(String, Vec<&Arg>)> = Vec::new();
    for arg in parser.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set()) {
        let heading = arg.get_help_heading().unwrap_or(OPTIONS);
        match groups.iter_mut().find(|(name, _)| name == heading) {
            Some((_, flags)) => flags.push(arg),
            None => groups.push((heading.to_owned(), vec![arg])),
        }
    }
    groups.sort_by_key(|(name, _)| name != OPTIONS);
    for (_, flags) in &mut groups {
        flags.sort_by_key(|arg| arg.get_long());
    }
    groups
}

/// The lines about some flags.
pub(crate) fn describe(flags: &[&Arg], width: usize) -> String {
    let left: Vec<String> = flags.iter().map(|arg| flag(arg)).collect();
    let column = left.iter().map(|text| text.chars().count()).max().unwrap_or(0) + 3;
    let mut out = String::new();
    for (text, arg) in left.iter().zip(flags) {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let lines = wrap(&help, width.saturating_sub(column + 1).max(20));
        for (index, line) in lines.iter().enumerate() {
            let left = if index == 0 { text.as_str() } else { "" };
            let _ = writeln!(out, "{}", format!("{left:column$}{line}").trim_end());
        }
    }
    out
}

/// `  -m, --memory bytes`.
pub(crate) fn flag(arg: &Arg) -> String {
    let short = arg.get_short().map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
    let value = match arg.get_value_names().and_then(<[_]>::first) {
        Some(name) if !is_switch(arg) => format!(" {name}"),
        _ => String::new(),
    };
    format!("  {short}--{}{value}", arg.get_long().unwrap_or_default())
}

/// Breaks text at blanks. Line breaks in the text are kept.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let indent = paragraph.len() - paragraph.trim_start().len();
        let mut line = paragraph[..indent].to_owned();
        for word in paragraph.split_whitespace() {
            if line.trim().is_empty() {
                line.push_str(word);
            } else if line.chars().count() + 1 + word.chars().count() <= width {
                line.push(' ');
                line.push_str(word);
            } else {
                lines.push(std::mem::replace(&mut line, word.to_owned()));
            }
        }
        lines.push(line);
    }
    lines
}

/// The overview: what the program does without a command.
pub(crate) fn overview(program: &str, globals: &Command, width: usize) -> String {
    let mut out = format!("Usage:  {program} [OPTIONS] COMMAND\n\nContainers, quickly\n\nCommon Commands:\n");
    for name in COMMON {
        entry(&mut out, name, commands::top(name).map_or("", |command| command.spec.about));
    }
    out.push_str("\nManagement Commands:\n");
    for noun in &NOUNS {
        entry(&mut out, noun.name, noun.about);
    }
    out.push_str("\nCommands:\n");
    let mut rest: Vec<(&str, &str)> = commands::ALL
        .iter()
        .map(|command| (command.spec.top, command.spec.about))
        .filter(|(name, _)| !name.is_empty() && !COMMON.contains(name))
        .collect();
    rest.sort_unstable();
    for (name, about) in rest {
        entry(&mut out, name, about);
    }
    let mut flags: Vec<&Arg> =
        globals.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set()).collect();
    flags.sort_by_key(|arg| arg.get_long());
    let _ = write!(out, "\nGlobal Options:\n{}", describe(&flags, width));
    let _ = write!(out, "\nRun '{program} COMMAND --help' for more information on a command.\n");
    out
}

/// Help of a noun: its verbs.
pub(crate) fn noun(program: &str, name: &str, about: &str) -> String {
    let mut out = format!("Usage:  {program} {name} COMMAND\n\n{about}\n\nCommands:\n");
    let mut verbs: Vec<(&str, &str)> =
        commands::of_noun(name).map(|command| (command.spec.names[0], command.spec.about)).collect();
    verbs.sort_unstable();
    for (verb, about) in verbs {
        entry(&mut out, verb, about);
    }
    let _ = write!(out, "\nRun '{program} {name} COMMAND --help' for more information on a command.\n");
    out
}

fn entry(out: &mut String, name: &str, about: &str) {
    let _ = writeln!(out, "  {name:11} {about}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a\n'x':  y z", 80), ["a", "'x': y z"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
    }
}
