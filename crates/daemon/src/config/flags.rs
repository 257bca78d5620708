//! The command line of the daemon.

use super::options::{Kind, OPTIONS};
use super::{ConfigError, Personality, value};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::PathBuf;

/// What a command line asks for.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) personality: Personality,
    /// Values by key of the file.
    pub(crate) flags: Map<String, Value>,
    /// The configuration file, and whether it was named and so must exist.
    pub(crate) config_file: PathBuf,
    pub(crate) config_file_required: bool,
    /// Check the configuration and exit.
    pub(crate) validate: bool,
}

/// Why a command line leads to no daemon.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Help, version or a malformed command line: clap prints it and knows the exit code.
    Clap(Box<clap::Error>),
    /// A malformed value.
    Config(ConfigError),
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        Self::Clap(Box::new(error))
    }
}

fn command(personality: Personality) -> Command {
    let name = match personality {
        Personality::Teu => "teu daemon",
        Personality::Dockerd => "dockerd",
    };
    let mut command = Command::new(name)
        .about("A self-sufficient runtime for containers.")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .arg(Arg::new("version").short('v').long("version").action(ArgAction::Version).help("Print version and quit"))
        .arg(Arg::new("config-file").long("config-file").value_name("string").help("Daemon configuration file"))
        .arg(switch("validate").help("Validate daemon configuration and exit"));
    for opt in OPTIONS.iter().filter(|opt| !opt.flag.is_empty()) {
        let mut arg = match opt.kind {
            Kind::Bool => switch(opt.flag),
            _ => Arg::new(opt.flag).long(opt.flag).action(ArgAction::Append).value_name(type_name(opt.kind)),
        };
        if let Some(short) = opt.short {
            arg = arg.short(short);
        }
        command = command.arg(arg.help(opt.help).allow_hyphen_values(opt.kind == Kind::Int));
    }
    command
}

/// A boolean flag as Go's: `--x` or `--x=false`.
fn switch(name: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .hide_possible_values(true)
        .value_name("bool")
        .action(ArgAction::Append)
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::Int => "int",
        Kind::Text => "string",
        Kind::List => "list",
        Kind::Map | Kind::Switches => "map",
        Kind::Runtimes => "runtime",
        Kind::Pools => "pool-options",
        Kind::Ulimits => "ulimit",
        Kind::NetworkOpts => "mapmap",
        Kind::Size => "bytes",
        Kind::Object => "object",
    }
}

/// Reads a command line, without the program's name.
pub(crate) fn parse(args: Vec<OsString>, personality: Personality) -> Result<Invocation, Stop> {
    let name = OsString::from(match personality {
        Personality::Teu => "teu daemon",
        Personality::Dockerd => "dockerd",
    });
    let matches = command(personality).try_get_matches_from(std::iter::once(name).chain(args))?;
    let mut flags = Map::new();
    for opt in OPTIONS.iter().filter(|opt| !opt.flag.is_empty()) {
        for text in texts(&matches, opt.flag) {
            let new = value::parse(opt.kind, text)
                .map_err(|reason| Stop::Config(ConfigError::Flag { flag: opt.flag, value: text.to_owned(), reason }))?;
            let joined = match flags.remove(opt.key) {
                Some(old) => value::join(old, new),
                None => new,
            };
            flags.insert(opt.key.to_owned(), joined);
        }
    }
    let validate = texts(&matches, "validate").last().is_some_and(|text| text != "false");
    let named = matches.get_one::<String>("config-file");
    Ok(Invocation {
        personality,
        flags,
        config_file: named.map_or_else(|| personality.config_file(), PathBuf::from),
        config_file_required: named.is_some(),
        validate,
    })
}

fn texts<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a str> {
    matches.get_many::<String>(name).into_iter().flatten().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flags(args: &[&str]) -> Map<String, Value> {
        parse(args.iter().map(OsString::from).collect(), Personality::Teu).unwrap().flags
    }

    #[test]
    fn flags_become_values_of_the_file() {
        let found =
            flags(&["-H", "unix:///a", "--host=tcp://:1", "-D", "--icc=false", "--mtu", "1400", "--log-opt", "a=b"]);
        let expected = json!({"hosts": ["unix:///a", "tcp://:1"], "debug": true, "icc": false, "mtu": 1400,
            "log-opts": {"a": "b"}});
        assert_eq!(Value::Object(found), expected);
    }

    #[test]
    fn the_last_of_a_single_value_wins() {
        assert_eq!(flags(&["--debug", "--debug=false"])["debug"], json!(false));
        assert_eq!(flags(&["-l", "info", "-l", "warn"])["log-level"], json!("warn"));
    }

    #[test]
    fn malformed_values_name_their_flag() {
        let parsed = parse(vec!["--mtu".into(), "x".into()], Personality::Teu);
        let Err(Stop::Config(error)) = parsed else { panic!("{parsed:?}") };
        assert_eq!(error.to_string(), "invalid argument \"x\" for \"--mtu\" flag: parsing \"x\": invalid syntax");
        assert!(matches!(parse(vec!["--nope".into()], Personality::Teu), Err(Stop::Clap(_))));
        assert!(matches!(parse(vec!["extra".into()], Personality::Teu), Err(Stop::Clap(_))));
    }

    #[test]
    fn the_command_line_is_consistent() {
        command(Personality::Teu).debug_assert();
    }
}
