//! Manual pages: `teu __man DIRECTORY` writes one for each command, for packages to install in `man1`.
//!
//! Written in the macros of man(7).

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command};

use crate::commands::{self, NOUNS};
use crate::error::Error;
use crate::flags;
use crate::globals::Globals;
use crate::help;
use crate::verb::Spec;

/// The hidden command.
pub(crate) const COMMAND: &str = "__man";

/// Writes all pages into a folder, which is made if it is not there.
pub(crate) fn write_all(folder: &Path) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::message(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut pages = vec![("teu".to_owned(), overview())];
    for noun in &NOUNS {
        pages.push((format!("teu-{}", noun.name), of_noun(noun.name, noun.about)));
    }
    for command in &commands::ALL {
        let parser = flags::adapt((command.parser)());
        for words in names(command.spec) {
            pages.push((format!("teu-{}", words.join("-")), of_command(&words, command.spec, &parser)));
        }
    }
    for (name, text) in pages {
        std::fs::write(folder.join(format!("{name}.1")), text).map_err(failed)?;
    }
    Ok(())
}

/// The ways to call a command that have a page.
fn names(spec: &Spec) -> Vec<Vec<&'static str>> {
    let below = (!spec.noun.is_empty()).then(|| vec![spec.noun, spec.names[0]]);
    let top = (!spec.top.is_empty()).then(|| vec![spec.top]);
    below.into_iter().chain(top).collect()
}

fn overview() -> String {
    let mut out = head("teu", "containers, quickly", "[OPTIONS] COMMAND [ARG...]");
    out.push_str(".SH COMMANDS\n");
    let nouns = NOUNS.iter().map(|noun| (noun.name, noun.about));
    let commands = commands::ALL.iter().map(|command| (command.spec.top, command.spec.about));
    let mut all: Vec<(&str, &str)> = nouns.chain(commands).filter(|(name, _)| !name.is_empty()).collect();
    all.sort_unstable();
    for (name, about) in all {
        let _ = writeln!(out, ".TP\n.BR teu\\-{} (1)\n{}", escape(name), escape(about));
    }
    options(&mut out, &Globals::parser());
    out
}

fn of_noun(noun: &str, about: &str) -> String {
    let mut out = head(&format!("teu {noun}"), about, "COMMAND");
    out.push_str(".SH COMMANDS\n");
    for command in commands::of_noun(noun) {
        let name = command.spec.names[0];
        let _ = writeln!(out, ".TP\n.BR teu\\-{}\\-{} (1)\n{}", escape(noun), escape(name), escape(command.spec.about));
    }
    out
}

fn of_command(words: &[&str], spec: &Spec, parser: &Command) -> String {
    let mut out = head(&format!("teu {}", words.join(" ")), spec.about, spec.usage);
    options(&mut out, parser);
    if !spec.examples.is_empty() {
        out.push_str(".SH EXAMPLES\n");
        for (what, line) in spec.examples {
            let _ = writeln!(out, ".TP\n{}\n.B teu {}", escape(what), escape(line));
        }
    }
    out.push_str(".SH SEE ALSO\n.BR teu (1)\n");
    out
}

/// Title, name and synopsis of a page.
fn head(command: &str, about: &str, usage: &str) -> String {
    let page = command.replace(' ', "-");
    format!(
        ".TH {} 1 \"\" \"Teu {}\" \"Teu\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n.B {}\n{}\n",
        escape(&page.to_uppercase()),
        env!("CARGO_PKG_VERSION"),
        escape(&page),
        escape(about),
        escape(command),
        escape(usage),
    )
}

fn options(out: &mut String, parser: &Command) {
    let mut shown: Vec<&Arg> =
        parser.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set()).collect();
    shown.sort_by_key(|arg| arg.get_long());
    out.push_str(".SH OPTIONS\n");
    for arg in shown {
        let text = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(out, ".TP\n.B {}\n{}", escape(help::flag(arg).trim()), escape(&text));
    }
}

/// Text that troff is to take as it is.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = text.lines().map(|line| {
        let line = line.trim_start();
        if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
    });
    lines.collect::<Vec<_>>().join("\n.br\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_text() {
        assert_eq!(escape("a-b\n.TH\n'x' \\"), "a\\-b\n.br\n\\&.TH\n.br\n\\&'x' \\e");
    }

    #[test]
    fn every_command_has_its_pages() {
        let folder = tempfile::tempdir().unwrap();
        write_all(folder.path()).unwrap();
        let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(page("teu.1").contains(".BR teu\\-run (1)"));
        assert!(page("teu-run.1").contains("\\-\\-restart string"));
        assert!(page("teu-container-run.1").starts_with(".TH TEU\\-CONTAINER\\-RUN 1"));
        assert!(page("teu-network.1").contains(".BR teu\\-network\\-ls (1)"));
    }
}
