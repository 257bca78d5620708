//! Reads a command line that is not finished.

use clap::{Arg, Command};

use super::Word;
use crate::flags::awaits_value;

/// What was read.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    /// Words that are neither flags nor their values.
    pub(super) words: Vec<&'a str>,
    /// The flag whose value comes next.
    pub(super) pending: Option<&'a Arg>,
    /// What follows is not read as a flag.
    pub(super) flags_over: bool,
}

/// Reads `words` with the flags of `parser`.
pub(super) fn walk<'a>(parser: &'a Command, words: &'a [String]) -> Walk<'a> {
    let ends_flags = parser.get_positionals().any(Arg::is_trailing_var_arg_set);
    let mut walk = Walk { words: Vec::new(), pending: None, flags_over: false };
    for word in words {
        if walk.pending.take().is_some() {
            continue;
        }
        if walk.flags_over || word == "-" || !word.starts_with('-') {
            walk.words.push(word);
            walk.flags_over |= ends_flags;
        } else if word == "--" {
            walk.flags_over = true;
        } else {
            walk.pending = awaits_value(parser, word);
        }
    }
    walk
}

/// The flags of a command with a line about each.
pub(super) fn flags(parser: &Command) -> Vec<Word> {
    let shown = parser.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set());
    let mut words: Vec<Word> = shown
        .flat_map(|arg| {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let long = arg.get_long().map(|long| (format!("--{long}"), help.clone()));
            long.into_iter().chain(arg.get_short().map(|short| (format!("-{short}"), help)))
        })
        .collect();
    words.sort_unstable();
    words
}
