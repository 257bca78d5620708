//! Completion of command lines: `teu __complete WORDS… PREFIX` prints what may stand in place of the last word.
//!
//! What is printed, and the number after the colon that ends it, is what the shell scripts of cobra expect
//! (<https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md>): Docker's own completion scripts
//! work with this program, and ours with Docker's.

mod names;
mod scripts;
mod values;
mod walk;

use clap::Command;

use crate::commands::{self, NOUNS};
use crate::flags;
use crate::globals::Globals;

pub(crate) use scripts::script;
use values::Kind;
use walk::{Walk, walk};

/// The hidden command.
pub(crate) const COMMAND: &str = "__complete";
/// The same without descriptions.
pub(crate) const COMMAND_PLAIN: &str = "__completeNoDesc";

/// Directive: the shell completes file names.
const FILES: u8 = 0;
/// Directive: no blank after the word.
const NO_SPACE: u8 = 2;
/// Directive: no file names.
const NO_FILES: u8 = 4;

/// A word that may stand there, and a line about it or none.
type Word = (String, String);

/// The answer to `__complete` with the words of a command line, the last of which is to be completed.
pub(crate) fn answer(words: &[String], describe: bool) -> String {
    let (prefix, before) = words.split_last().map_or(("", &[][..]), |(last, rest)| (last.as_str(), rest));
    let (kind, lead) = wanted(before, prefix);
    let directive = match kind {
        Kind::Files => FILES,
        Kind::Prefixes(_) => NO_FILES | NO_SPACE,
        _ => NO_FILES,
    };
    render(names::words(kind, before), lead, prefix, describe) + &format!(":{directive}\n")
}

/// Those words that begin with `prefix` when `lead` stands in front of them, a line each.
fn render(words: Vec<Word>, lead: &str, prefix: &str, describe: bool) -> String {
    let mut out = String::new();
    for (word, about) in words {
        if !prefix.strip_prefix(lead).is_some_and(|prefix| word.starts_with(prefix)) {
            continue;
        }
        out.push_str(lead);
        out.push_str(&word);
        let about = about.lines().next().unwrap_or_default();
        if describe && !about.is_empty() {
            out.push('\t');
            out.push_str(about);
        }
        out.push('\n');
    }
    out
}

/// What is to be completed after the words `before`, and what of `prefix` stands in front of it (`--name=`).
fn wanted<'a>(before: &[String], prefix: &'a str) -> (Kind, &'a str) {
    let parser = Globals::parser();
    let walked = walk(&parser, before);
    let Some(name) = walked.words.first() else {
        return within(&parser, &walked, prefix, |_| Kind::Words(overview()));
    };
    let noun = NOUNS.iter().find(|noun| noun.name == *name);
    let (command, called) = match (noun, walked.words.get(1)) {
        (Some(noun), None) => return (Kind::Words(verbs(noun.name)), ""),
        (Some(noun), Some(verb)) => (commands::find(noun.name, verb), 2),
        (None, _) => (commands::top(name), 1),
    };
    let Some(command) = command else { return (Kind::Nothing, "") };
    let parser = flags::adapt((command.parser)());
    let own = &before[before.len() - (walked.words.len() - called)..];
    let walked = walk(&parser, own);
    within(&parser, &walked, prefix, |index| values::positional(command.spec, index))
}

/// A flag, a flag's value or an argument, whichever the last word is to be.
fn within<'a>(
    parser: &Command,
    walked: &Walk<'_>,
    prefix: &'a str,
    argument: impl FnOnce(usize) -> Kind,
) -> (Kind, &'a str) {
    if let Some(arg) = walked.pending {
        return (values::of_flag(arg), "");
    }
    if walked.flags_over || !prefix.starts_with('-') {
        return (argument(walked.words.len()), "");
    }
    let Some(at) = prefix.find('=').filter(|_| prefix.starts_with("--")) else {
        return (Kind::Words(walk::flags(parser)), "");
    };
    match parser.get_arguments().find(|arg| arg.get_long() == Some(&prefix[2..at])) {
        Some(arg) => (values::of_flag(arg), &prefix[..=at]),
        None => (Kind::Nothing, ""),
    }
}

/// Nouns, and the commands that need none.
fn overview() -> Vec<Word> {
    let nouns = NOUNS.iter().map(|noun| (noun.name, noun.about));
    let commands = commands::ALL.iter().map(|command| (command.spec.top, command.spec.about));
    sorted(nouns.chain(commands).filter(|(name, _)| !name.is_empty()))
}

/// The verbs of a noun.
fn verbs(noun: &str) -> Vec<Word> {
    sorted(commands::of_noun(noun).map(|command| (command.spec.names[0], command.spec.about)))
}

fn sorted(words: impl Iterator<Item = (&'static str, &'static str)>) -> Vec<Word> {
    let mut words: Vec<Word> = words.map(|(name, about)| (name.to_owned(), about.to_owned())).collect();
    words.sort_unstable();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(line: &str) -> Vec<String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        answer(&words, false).lines().map(str::to_owned).collect()
    }

    fn kind(line: &str) -> Kind {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (last, before) = words.split_last().unwrap();
        wanted(before, last).0
    }

    #[test]
    fn commands_and_verbs() {
        assert_eq!(complete("renam"), ["rename", ":4"]);
        assert_eq!(complete("network l"), ["ls", ":4"]);
        assert_eq!(complete("--debug network ins"), ["inspect", ":4"]);
        assert_eq!(complete("nosuch x"), [":4"]);
        assert!(answer(&["stop".to_owned()], true).starts_with("stop\tStop one or more running containers\n"));
    }

    #[test]
    fn flags_and_their_values() {
        assert_eq!(complete("run --restar"), ["--restart", ":4"]);
        assert_eq!(complete("run --restart un"), ["unless-stopped", ":4"]);
        assert_eq!(complete("run --restart=un"), ["--restart=unless-stopped", ":4"]);
        assert_eq!(complete("kill -s HU"), ["HUP", ":4"]);
        assert_eq!(complete("run --env-file "), [":0"]);
        assert_eq!(complete("-H x run --pull ne"), ["never", ":4"]);
        assert_eq!(complete("run --nosuch=x"), [":4"]);
    }

    #[test]
    fn arguments() {
        use values::State;
        assert_eq!(kind("stop "), Kind::Containers(State::Running));
        assert_eq!(kind("stop -t 5 a "), Kind::Containers(State::Running));
        assert_eq!(kind("container start -a "), Kind::Containers(State::Stopped));
        assert_eq!(kind("unpause "), Kind::Containers(State::Paused));
        assert_eq!(kind("rm -f "), Kind::Containers(State::Any));
        assert_eq!(kind("run -it --name web "), Kind::Images);
        assert_eq!(kind("run -it busybox "), Kind::Files);
        assert_eq!(kind("run -it busybox ls -"), Kind::Files);
        assert_eq!(kind("exec web "), Kind::Files);
        assert_eq!(kind("network inspect "), Kind::Networks);
        assert_eq!(kind("inspect "), Kind::Anything);
        assert_eq!(kind("version "), Kind::Nothing);
        assert_eq!(kind("rename a "), Kind::Nothing);
        assert_eq!(kind("run --network "), Kind::Networks);
    }
}
