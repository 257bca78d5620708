//! `context export`.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::ExitCode;

use clap::Args;

use super::store;
use crate::app::{Cli, write_out};
use crate::config::context::bundle;
use crate::error::{Error, go_io};
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Export {
    arguments: Vec<String>,
}

impl Verb for Export {
    const SPEC: Spec = Spec {
        noun: "context",
        names: &["export"],
        top: "",
        about: "Export a context to a tar archive FILE or a tar stream on STDOUT.",
        usage: "[OPTIONS] CONTEXT [FILE|-]",
        arguments: Arity::between(1, 2),
        examples: &[("To another machine", "context export far - | ssh laptop teu context import far -")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let name = &self.arguments[0];
        let to = self.arguments.get(1).cloned().unwrap_or_else(|| format!("{name}.dockercontext"));
        if to == "-" && std::io::stdout().is_terminal() {
            return Err(Error::message("cowardly refusing to export to a terminal, specify a file path"));
        }
        let store = store(cli);
        let archive = bundle::pack(&store.get(name)?, &store.files(name)?)?;
        if to == "-" {
            write_out(&archive)?;
            return Ok(ExitCode::SUCCESS);
        }
        // It may hold a key.
        let file = File::options().write(true).create_new(true).mode(0o600).open(&to);
        let written = file.and_then(|mut file| file.write_all(&archive));
        written.map_err(|error| go_io("open", &to, &error))?;
        cli.warn(format!("Written file {to:?}"));
        Ok(ExitCode::SUCCESS)
    }
}
