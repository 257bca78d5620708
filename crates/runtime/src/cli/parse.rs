//! From words to a command.

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::{Args, FromArgMatches, Parser};

use super::arguments::{self, Arguments, Command, Global};

/// Adds a command's flags to a parser.
type Augment = fn(clap::Command) -> clap::Command;

/// The commands that a container's life is made of.
const FREQUENT: [(&str, Augment); 7] = [
    ("create", arguments::Create::augment_args),
    ("delete", arguments::Delete::augment_args),
    ("exec", arguments::Exec::augment_args),
    ("kill", arguments::Kill::augment_args),
    ("run", arguments::Run::augment_args),
    ("start", arguments::Id::augment_args),
    ("state", arguments::Id::augment_args),
];

/// Reads a command line, of which the first word is the program's name.
///
/// # Errors
/// Clap's: help that is asked for is one, too.
pub(super) fn parse(args: &[OsString]) -> Result<(Global, Command), clap::Error> {
    // Whatever is wrong, or asks for help, gets its answer from the parser that knows everything.
    if let Some(parsed) = parse_frequent(args) {
        return Ok(parsed);
    }
    let Arguments { global, command, .. } = Arguments::try_parse_from(args)?;
    Ok((global, command))
}

/// Reads a call of a frequent command with that command's parser alone: a run does not wait for those of all others.
fn parse_frequent(args: &[OsString]) -> Option<(Global, Command)> {
    let (name, augment) = args.iter().skip(1).find_map(|word| FREQUENT.iter().find(|(name, _)| word == name))?;
    let command = augment(clap::Command::new(*name));
    // The process is about to do one thing and end: nothing is taken apart.
    let mut parser = ManuallyDrop::new(Global::augment_args(clap::Command::new("teu-runtime")).subcommand(command));
    let mut matches = parser.try_get_matches_from_mut(args).ok()?;
    Some((Global::from_arg_matches_mut(&mut matches).ok()?, Command::from_arg_matches_mut(&mut matches).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        std::iter::once("teu-runtime").chain(line.split(' ')).map(OsString::from).collect()
    }

    #[test]
    fn a_command_means_the_same_to_its_own_parser_and_to_that_of_all() {
        for line in [
            "run --bundle /b id",
            "--root /r --log-format json --debug run --no-pivot --preserve-fds 3 id",
            "create --console-socket /s -b . id",
            "exec -t --env A=B --user 1:2 id sh -c true",
            "exec id ls --help",
            "kill --all id",
            "kill id 9",
            "delete --force id",
            "start id",
            "state id",
        ] {
            let args = words(line);
            let frequent = parse_frequent(&args).map(|parsed| format!("{parsed:?}"));
            let all = Arguments::try_parse_from(&args).map(|all| format!("{:?}", (all.global, all.command)));
            assert_eq!(frequent, all.ok(), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_by_the_parser_of_all() {
        for line in ["run", "run --help", "--log run create --nope id", "run --nope id", "--help", "nope", ""] {
            let args = words(line);
            assert!(parse_frequent(&args).is_none(), "{line}");
            let all = Arguments::try_parse_from(&args).unwrap_err().to_string();
            assert_eq!(parse(&args).unwrap_err().to_string(), all, "{line}");
        }
        let (global, command) = parse(&words("--log run list")).unwrap();
        assert_eq!(global.log.as_deref(), Some(std::path::Path::new("run")));
        assert!(matches!(command, Command::List(_)));
    }
}
