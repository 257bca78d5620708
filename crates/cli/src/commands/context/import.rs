//! `context import`.

use std::fs::File;
use std::process::ExitCode;

use clap::Args;

use super::store;
use crate::app::Cli;
use crate::config::context::bundle;
use crate::config::context::store::check_name;
use crate::error::{Error, go_io};
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Import {
    arguments: Vec<String>,
}

impl Verb for Import {
    const SPEC: Spec = Spec {
        noun: "context",
        names: &["import"],
        top: "",
        about: "Import a context from a tar or zip file",
        usage: "CONTEXT FILE|-",
        arguments: Arity::exactly(2),
        examples: &[("What export wrote", "context import far far.dockercontext")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let [name, from] = &self.arguments[..] else { return Ok(ExitCode::FAILURE) };
        let store = store(cli);
        check_name(name)?;
        if store.contains(name) {
            return Err(Error::message(format!("context {name:?} already exists")));
        }
        let (mut meta, files) = if from == "-" {
            bundle::unpack(std::io::stdin().lock())?
        } else {
            bundle::unpack(File::open(from).map_err(|error| go_io("open", from, &error))?)?
        };
        meta.name.clone_from(name);
        store.put_files(name, &files)?;
        store.put(&meta)?;
        cli.say(name)?;
        cli.warn(format!("Successfully imported context {name:?}"));
        Ok(ExitCode::SUCCESS)
    }
}
