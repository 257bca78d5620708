//! Makes clap read a command line as Docker does, and say what is wrong in Docker's words.
//!
//! - A switch takes a value only after `=`: `--rm=false`, `-it`, `-d=true`.
//! - A value may begin with a dash: `--memory-swap -1`.
//! - A flag may be repeated: the last one counts, lists grow.
//! - `-h` is left to the command; `--help` is ours.

use clap::builder::{Resettable, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::error::Error;
use crate::opts::number;
use crate::suggest;

/// Value name that marks a switch that knows whether it was given (`Option<bool>`).
pub(crate) const SWITCH: &str = "BOOL";

/// Turns the parser that clap derived into one that reads as Docker does.
pub(crate) fn adapt(parser: Command) -> Command {
    let parser = parser
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .no_binary_name(true)
        .mut_args(adapt_arg);
    let own_h = parser.get_arguments().any(|arg| arg.get_short() == Some('h'));
    let help = Arg::new("help").long("help").help("Print usage").action(ArgAction::SetTrue);
    let help = adapt_arg(help).hide(!own_h);
    let help = if own_h { help } else { help.short('h') };
    let parser = parser.arg(help);
    if parser.get_positionals().next().is_some() {
        return parser;
    }
    // Superfluous arguments are counted, not refused by clap.
    parser.arg(Arg::new("arguments").action(ArgAction::Append).num_args(0..).hide(true))
}

fn adapt_arg(arg: Arg) -> Arg {
    if arg.is_positional() {
        return arg;
    }
    let is_marked = arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == SWITCH));
    match arg.get_action() {
        ArgAction::SetTrue => {
            let default = arg.get_default_values().first().cloned().unwrap_or_else(|| "false".into());
            switch(arg).default_value(default)
        }
        _ if is_marked => switch(arg),
        _ => arg.allow_hyphen_values(true).num_args(1),
    }
}

fn switch(arg: Arg) -> Arg {
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_name(SWITCH)
        .value_parser(Resettable::Value(ValueParser::from(|text: &str| number::boolean(text))))
}

/// Whether an argument is a switch: one without a value in the help.
pub(crate) fn is_switch(arg: &Arg) -> bool {
    arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == SWITCH))
}

/// The flag in a word that takes the next word for its value.
pub(crate) fn awaits_value<'a>(parser: &'a Command, word: &str) -> Option<&'a Arg> {
    let find = |is: &dyn Fn(&Arg) -> bool| parser.get_arguments().find(|arg| !arg.is_positional() && is(arg));
    if let Some(long) = word.strip_prefix("--") {
        return find(&|arg| arg.get_long() == Some(long)).filter(|arg| !is_switch(arg));
    }
    // Letters of switches may be followed by one of a flag with a value, which may be glued to it.
    let mut letters = word.chars().skip(1);
    while let Some(letter) = letters.next() {
        let arg = find(&|arg| arg.get_short() == Some(letter))?;
        if !is_switch(arg) {
            return letters.next().is_none().then_some(arg);
        }
    }
    None
}

/// Reads a command line.
pub(crate) fn parse(parser: &mut Command, args: &[String]) -> Result<ArgMatches, Error> {
    parser.try_get_matches_from_mut(args).map_err(|error| explain(&error, parser, args))
}

/// How many arguments that are no flags were given.
pub(crate) fn count_arguments(parser: &Command, matches: &ArgMatches) -> usize {
    parser.get_positionals().map(|arg| matches.get_raw(arg.get_id().as_str()).map_or(0, Iterator::count)).sum()
}

/// Says in pflag's words what clap found.
pub(crate) fn explain(error: &clap::Error, parser: &Command, args: &[String]) -> Error {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    let arg = context(ContextKind::InvalidArg);
    Error::Flag(match error.kind() {
        ErrorKind::UnknownArgument => unknown(&arg, parser, args),
        ErrorKind::ValueValidation => {
            let value = context(ContextKind::InvalidValue);
            let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), |why| why.to_string());
            format!("invalid argument {value:?} for {:?} flag: {reason}", spelling(&arg, parser))
        }
        ErrorKind::InvalidValue | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues | ErrorKind::NoEquals => {
            match args.last().map(String::as_str) {
                Some(last) if !last.starts_with("--") && last.starts_with('-') => {
                    let short = last.chars().next_back().unwrap_or('-');
                    format!("flag needs an argument: '{short}' in {last}")
                }
                _ => format!("flag needs an argument: {}", arg.split(' ').next().unwrap_or_default()),
            }
        }
        _ => error.to_string().trim_start_matches("error: ").trim_end().to_owned(),
    })
}

fn unknown(arg: &str, parser: &Command, args: &[String]) -> String {
    let name = arg.split('=').next().unwrap_or(arg);
    if !name.starts_with("--") {
        let letter = name.trim_start_matches('-').chars().next().unwrap_or('-');
        // pflag shows the group of letters from the unknown one on.
        let group =
            args.iter().find(|given| given.starts_with('-') && !given.starts_with("--") && given.contains(letter));
        let rest = group.and_then(|group| group.find(letter).map(|at| &group[at..])).unwrap_or_default();
        return format!("unknown shorthand flag: '{letter}' in -{rest}");
    }
    let known = parser.get_arguments().filter_map(Arg::get_long);
    match suggest::closest(name.trim_start_matches('-'), known) {
        Some(other) => format!("unknown flag: {name}\n\nDid you mean '--{other}'?"),
        None => format!("unknown flag: {name}"),
    }
}

/// `-m, --memory` for what clap calls `--memory <bytes>`.
fn spelling(arg: &str, parser: &Command) -> String {
    let long = arg.trim_start_matches('-').split([' ', '=', '[']).next().unwrap_or_default();
    let short = parser.get_arguments().find(|arg| arg.get_long() == Some(long)).and_then(Arg::get_short);
    match short {
        Some(short) => format!("-{short}, --{long}"),
        None => format!("--{long}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};

    #[derive(Debug, Args, PartialEq)]
    struct Flags {
        #[arg(short, long)]
        detach: bool,
        #[arg(short, long)]
        interactive: bool,
        #[arg(long, default_value = "true")]
        sig_proxy: bool,
        #[arg(long, value_name = SWITCH)]
        init: Option<bool>,
        #[arg(short, long, value_parser = crate::opts::size::ram_bytes)]
        memory: Option<i64>,
        #[arg(short, long)]
        env: Vec<String>,
        #[arg(trailing_var_arg = true)]
        args: Vec<String>,
    }

    fn read(line: &str) -> Result<Flags, String> {
        let args: Vec<String> = line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let mut parser = adapt(Flags::augment_args(Command::new("x")));
        let matches = parse(&mut parser, &args).map_err(|error| error.to_string())?;
        Flags::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    fn plain() -> Flags {
        Flags {
            detach: false,
            interactive: false,
            sig_proxy: true,
            init: None,
            memory: None,
            env: vec![],
            args: vec![],
        }
    }

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn dockers_command_lines() {
        let cases = [
            ("-di busybox", Flags { detach: true, interactive: true, args: words("busybox"), ..plain() }),
            ("-d=false -d=true x", Flags { detach: true, args: words("x"), ..plain() }),
            ("--detach=0 x", Flags { args: words("x"), ..plain() }),
            ("--sig-proxy=false x", Flags { sig_proxy: false, args: words("x"), ..plain() }),
            ("--init --init=false x", Flags { init: Some(false), args: words("x"), ..plain() }),
            ("-m512m -m 1g x", Flags { memory: Some(1 << 30), args: words("x"), ..plain() }),
            ("-e A -e=B --env=C --env -D x", Flags { env: words("A B C -D"), args: words("x"), ..plain() }),
            ("x -d --foo -- y", Flags { args: words("x -d --foo -- y"), ..plain() }),
            ("-- x -d", Flags { args: words("x -d"), ..plain() }),
            ("-die A=1 x", Flags { detach: true, interactive: true, env: words("A=1"), args: words("x"), ..plain() }),
        ];
        for (line, want) in cases {
            assert_eq!(read(line).as_ref(), Ok(&want), "{line}");
        }
    }

    #[test]
    fn dockers_complaints() {
        let cases = [
            ("--foo x", "unknown flag: --foo"),
            ("--detahc x", "unknown flag: --detahc\n\nDid you mean '--detach'?"),
            ("-z x", "unknown shorthand flag: 'z' in -z"),
            ("-dzi x", "unknown shorthand flag: 'z' in -zi"),
            ("--memory", "flag needs an argument: --memory"),
            ("-m", "flag needs an argument: 'm' in -m"),
            ("-dm", "flag needs an argument: 'm' in -dm"),
            ("-m abc x", r#"invalid argument "abc" for "-m, --memory" flag: invalid size: 'abc'"#),
            (
                "--detach=maybe x",
                r#"invalid argument "maybe" for "-d, --detach" flag: strconv.ParseBool: parsing "maybe": invalid syntax"#,
            ),
        ];
        for (line, want) in cases {
            assert_eq!(read(line).unwrap_err(), want, "{line}");
        }
    }
}
