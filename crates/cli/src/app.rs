//! From the command line to the command that runs.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::process::ExitCode;

use clap::FromArgMatches;
use teu_api::client::Client;

use crate::commands::{self, NOUNS};
use crate::config::{ConfigFile, endpoint};
use crate::error::Error;
use crate::globals::Globals;
use crate::verb::Command;
use crate::{autostart, completion, flags, help, man, spelling, suggest};

/// What every command has at hand.
pub(crate) struct Cli {
    /// The name the program was called by: `teu` or `docker`.
    pub(crate) program: &'static str,
    /// Flags before the command.
    pub(crate) globals: Globals,
    /// The command as it was called, `teu container ls`.
    pub(crate) path: String,
    config: OnceCell<ConfigFile>,
    client: OnceCell<Client>,
}

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the command line `args`, the first of which is the name the program was called by.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter().map(|arg| arg.to_string_lossy().into_owned());
    let program = match args.next().as_deref().map(|name| Path::new(name).ends_with("docker")) {
        Some(true) => "docker",
        _ => "teu",
    };
    let args: Vec<String> = args.collect();
    if let Some(code) = hidden(program, &args) {
        return code;
    }
    let mut place = Place { command: program.to_owned(), usage: "[OPTIONS] COMMAND [ARG...]" };
    match dispatch(program, &args, &mut place) {
        Ok(code) => code,
        Err(error) => {
            let text = error.render(program, &place.command, place.usage);
            // There is nobody left to tell when standard error is gone.
            let _ = io::stderr().write_all(text.as_bytes());
            ExitCode::from(error.code())
        }
    }
}

/// The commands that are called by programs: they are in no help.
fn hidden(program: &str, args: &[String]) -> Option<ExitCode> {
    let (command, rest) = args.split_first()?;
    match (command.as_str(), rest) {
        (autostart::ROLE, _) => Some(autostart::become_engine(rest)),
        (completion::COMMAND | completion::COMMAND_PLAIN, _) => {
            let answer = completion::answer(rest, command == completion::COMMAND);
            // The shell that asked may have gone away.
            let _ = io::stdout().write_all(answer.as_bytes());
            Some(ExitCode::SUCCESS)
        }
        (man::COMMAND, [folder]) => Some(man::write_all(Path::new(folder)).map_or_else(
            |error| {
                // There is nobody left to tell when standard error is gone.
                let _ = io::stderr().write_all(error.render(program, program, "").as_bytes());
                ExitCode::from(error.code())
            },
            |()| ExitCode::SUCCESS,
        )),
        _ => None,
    }
}

/// Where in the command tree we are, for messages.
struct Place {
    command: String,
    usage: &'static str,
}

fn dispatch(program: &'static str, args: &[String], place: &mut Place) -> Result<ExitCode, Error> {
    let mut parser = ManuallyDrop::new(Globals::parser());
    let matches = flags::parse(&mut parser, args)?;
    let mut globals = Globals::from_arg_matches(&matches).map_err(|error| flags::explain(&error, &parser, args))?;
    if globals.version {
        return print(&version_line(program));
    }
    let words = std::mem::take(&mut globals.command);
    if words.is_empty() || matches.get_flag("help") {
        return match words.first() {
            Some(_) => help_of(program, &words),
            None => print(&help::overview(program, &parser, help::width())),
        };
    }
    if words[0] == "help" {
        return if words.len() == 1 {
            print(&help::overview(program, &parser, help::width()))
        } else {
            help_of(program, &words[1..])
        };
    }
    let (command, rest) = match find(program, &words)? {
        Found::Verb(command, rest) => (command, rest),
        Found::Noun(noun) => {
            let text = help::noun(program, noun.name, noun.about);
            if words.len() > 1 {
                return print(&text);
            }
            // Not asked for: not to be taken for output.
            let _ = io::stderr().write_all(text.as_bytes());
            return Ok(ExitCode::SUCCESS);
        }
    };
    let path = path(program, &words, rest.len());
    place.command.clone_from(&path);
    place.usage = command.spec.usage;
    invoke(Cli { program, globals, path, config: OnceCell::new(), client: OnceCell::new() }, command, rest)
}

fn version_line(program: &str) -> String {
    let name = if program == "docker" { "Docker" } else { "Teu" };
    format!("{name} version {VERSION}, build {}\n", teu_api::version::Build::current().commit)
}

/// The words of the command without its arguments.
fn path(program: &str, words: &[String], arguments: usize) -> String {
    let names = &words[..words.len() - arguments];
    format!("{program} {}", names.join(" "))
}

enum Found<'a> {
    Verb(&'static Command, &'a [String]),
    Noun(&'static commands::Noun),
}

/// Finds the command that `words` begin with.
fn find<'a>(program: &str, words: &'a [String]) -> Result<Found<'a>, Error> {
    let name = words[0].as_str();
    let Some(noun) = NOUNS.iter().find(|noun| noun.name == name) else {
        return match commands::top(name) {
            Some(command) => Ok(Found::Verb(command, &words[1..])),
            None => Err(unknown(program, name, commands::ALL.iter().map(|command| command.spec.top), &commands::LATER)),
        };
    };
    let Some(verb) = words.get(1).filter(|verb| !matches!(verb.as_str(), "--help" | "-h" | "help")) else {
        return Ok(Found::Noun(noun));
    };
    match commands::find(noun.name, verb) {
        Some(command) => Ok(Found::Verb(command, &words[2..])),
        None => {
            let names = commands::of_noun(noun.name).map(|command| command.spec.names[0]);
            Err(unknown(&format!("{program} {}", noun.name), verb, names, noun.later))
        }
    }
}

fn unknown<'a>(parent: &str, name: &str, known: impl Iterator<Item = &'a str>, later: &[&str]) -> Error {
    let parent = parent.to_owned();
    if name.starts_with('-') {
        return Error::Flag(format!("unknown flag: {name}"));
    }
    if later.contains(&name) {
        return Error::message(format!("{parent}: '{name}' is not supported yet"));
    }
    let message = match suggest::closest(name, known.filter(|name| !name.is_empty())) {
        Some(other) => format!("unknown command: {parent} {name}\n\nDid you mean '{parent} {other}'?"),
        None => format!("unknown command: {parent} {name}"),
    };
    Error::UnknownCommand { message, parent }
}

fn help_of(program: &str, words: &[String]) -> Result<ExitCode, Error> {
    match find(program, words)? {
        Found::Noun(noun) => print(&help::noun(program, noun.name, noun.about)),
        Found::Verb(command, rest) => {
            let parser = flags::adapt((command.parser)());
            print(&help::command(program, &path(program, words, rest.len()), command.spec, &parser, help::width()))
        }
    }
}

/// Reads the command's flags and runs it.
fn invoke(cli: Cli, command: &'static Command, args: &[String]) -> Result<ExitCode, Error> {
    // The process is about to end with the command: a parser is not taken apart.
    let mut parser = ManuallyDrop::new(flags::adapt((command.parser)()));
    let args = spelling::of_today(command.spec.top, &parser, args);
    let mut matches = flags::parse(&mut parser, &args)?;
    if matches.get_flag("help") {
        return print(&help::command(cli.program, &cli.path, command.spec, &parser, help::width()));
    }
    command.spec.arguments.check(flags::count_arguments(&parser, &matches), &cli.path)?;
    let running = (command.run)(&mut matches, &cli).map_err(|error| flags::explain(&error, &parser, &args))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(running);
    // A thread may still be blocked reading the terminal: it is not waited for. And the process is about to end: closing
    // everything one by one would take longer.
    std::mem::forget(runtime);
    result
}

/// Writes to standard output and succeeds.
fn print(text: &str) -> Result<ExitCode, Error> {
    write_out(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Exit code of a process that died of SIGPIPE: what a reader that went away means to a shell.
const BROKEN_PIPE: u8 = 128 + 13;

/// Writes to standard output. When nobody reads it any more, the command ends without a word.
pub(crate) fn write_out(bytes: &[u8]) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Error::Exit(BROKEN_PIPE)),
        Err(error) => Err(error.into()),
    }
}

impl Cli {
    /// Prints to standard output.
    pub(crate) fn print(&self, text: impl AsRef<str>) -> Result<(), Error> {
        write_out(text.as_ref().as_bytes())
    }

    /// Prints a line to standard output.
    pub(crate) fn say(&self, line: impl AsRef<str>) -> Result<(), Error> {
        write_out(format!("{}\n", line.as_ref()).as_bytes())
    }

    /// Prints a line to standard error.
    pub(crate) fn warn(&self, line: impl AsRef<str>) {
        // There is nobody left to tell when standard error is gone.
        let _ = writeln!(io::stderr(), "{}", line.as_ref());
    }

    /// The configuration file; an empty one when there is none or it cannot be read, which is said once.
    pub(crate) fn config(&self) -> &ConfigFile {
        self.config.get_or_init(|| {
            ConfigFile::load(self.globals.config.as_deref()).unwrap_or_else(|error| {
                self.warn(format!("WARNING: Error loading config file: {error:#}"));
                ConfigFile::default()
            })
        })
    }

    /// The engine. One is started when none answers on the default socket and the user may do so.
    pub(crate) fn client(&self) -> Result<&Client, Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let target = endpoint::resolve(&self.globals, self.config()).map_err(|error| {
            Error::message(format!("Failed to initialize: unable to resolve docker endpoint: {error:#}"))
        })?;
        if target.is_default {
            autostart::ensure(&target.endpoint, |line| self.warn(line))?;
        }
        let headers = self.config().headers()?;
        let client = Client::configured(target.endpoint, endpoint::fixed_version()?, headers);
        Ok(self.client.get_or_init(|| client))
    }

    /// Adds the proxies that the configuration file has for the engine to a container's environment.
    pub(crate) fn add_proxies(&self, env: &mut Vec<String>) -> Result<(), Error> {
        let target = endpoint::resolve(&self.globals, self.config())?;
        self.config().add_proxies(&target.endpoint.to_string(), env);
        Ok(())
    }

    /// The name of the context in use.
    pub(crate) fn context_name(&self) -> String {
        endpoint::context_name(&self.globals, self.config())
    }

    /// A flag whose effect is not built yet.
    pub(crate) fn unsupported(flag: &str) -> Error {
        Error::message(format!("--{flag} is not supported yet"))
    }
}
