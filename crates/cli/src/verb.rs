//! What a command is: how it is called, what it takes, what it does.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;

use clap::{ArgMatches, Args, FromArgMatches};

use crate::app::Cli;
use crate::error::Error;

/// How a command is called and explained.
pub(crate) struct Spec {
    /// Where it stands: `container`, `image`, …; empty for commands without a noun.
    pub(crate) noun: &'static str,
    /// Its names below the noun; the first is the proper one.
    pub(crate) names: &'static [&'static str],
    /// Its name without the noun (`ps` for `container ls`); empty when it has none.
    pub(crate) top: &'static str,
    /// One line about it.
    pub(crate) about: &'static str,
    /// What follows the command on the usage line.
    pub(crate) usage: &'static str,
    /// How many arguments it takes.
    pub(crate) arguments: Arity,
    /// Examples: what they do, and the command line without the program's name.
    pub(crate) examples: &'static [(&'static str, &'static str)],
}

/// How many arguments a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arity {
    /// At least.
    pub(crate) min: usize,
    /// At most.
    pub(crate) max: usize,
}

impl Arity {
    /// None at all.
    pub(crate) const NONE: Self = Self::exactly(0);

    /// This many.
    pub(crate) const fn exactly(count: usize) -> Self {
        Self { min: count, max: count }
    }

    /// This many or more.
    pub(crate) const fn at_least(min: usize) -> Self {
        Self { min, max: usize::MAX }
    }

    /// Between two numbers.
    pub(crate) const fn between(min: usize, max: usize) -> Self {
        Self { min, max }
    }

    /// Checks a number of arguments given to `command`.
    pub(crate) fn check(self, count: usize, command: &str) -> Result<(), Error> {
        let Self { min, max } = self;
        if (min..=max).contains(&count) {
            return Ok(());
        }
        let noun = |count| if count == 1 { "argument" } else { "arguments" };
        let needs = match () {
            () if max == 0 => "accepts no arguments".to_owned(),
            () if min == max => format!("requires {min} {}", noun(min)),
            () if max == usize::MAX => format!("requires at least {min} {}", noun(min)),
            () if min == 0 => format!("requires at most {max} {}", noun(max)),
            () => format!("requires at least {min} and at most {max} {}", noun(max)),
        };
        Err(Error::Arguments(format!("'{command}' {needs}")))
    }
}

/// A command: its flags are the fields of the type.
///
/// Flags are declared with clap. What is put in place of its defaults, so that a command line means what it means
/// to Docker, is in [`crate::flags`].
pub(crate) trait Verb: Args + FromArgMatches + Send + 'static {
    /// How it is called and explained.
    const SPEC: Spec;

    /// Does it.
    fn run(self, cli: &Cli) -> impl Future<Output = Result<ExitCode, Error>>;
}

/// A [`Verb`] in the table of commands.
pub(crate) struct Command {
    /// How it is called and explained.
    pub(crate) spec: &'static Spec,
    /// Builds its parser, only when it is called.
    pub(crate) parser: fn() -> clap::Command,
    /// Reads its flags and does it.
    pub(crate) run: for<'a> fn(&mut ArgMatches, &'a Cli) -> Result<Running<'a>, clap::Error>,
}

/// A command at work.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Result<ExitCode, Error>> + 'a>>;

impl Command {
    /// The table's entry for a verb.
    pub(crate) const fn of<V: Verb>() -> Self {
        Self {
            spec: &V::SPEC,
            parser: || V::augment_args(clap::Command::new("teu")),
            run: |matches, cli| {
                let verb = V::from_arg_matches_mut(matches)?;
                Ok(Box::pin(verb.run(cli)))
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arity_in_dockers_words() {
        let message = |arity: Arity, count| arity.check(count, "teu x").unwrap_err().to_string();
        assert_eq!(message(Arity::NONE, 1), "'teu x' accepts no arguments");
        assert_eq!(message(Arity::exactly(1), 2), "'teu x' requires 1 argument");
        assert_eq!(message(Arity::exactly(2), 1), "'teu x' requires 2 arguments");
        assert_eq!(message(Arity::at_least(1), 0), "'teu x' requires at least 1 argument");
        assert_eq!(message(Arity::between(1, 2), 3), "'teu x' requires at least 1 and at most 2 arguments");
        assert!(Arity::at_least(1).check(5, "teu x").is_ok());
    }
}
