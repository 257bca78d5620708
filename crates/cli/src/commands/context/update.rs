//! `context update`.

use std::process::ExitCode;

use clap::Args;

use super::{default, store};
use crate::app::Cli;
use crate::config::context::{DEFAULT, endpoint};
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Description of the context
    #[arg(long, value_name = "string", default_value = "")]
    description: String,
    /// set the docker endpoint: from, host, ca, cert, key, skip-tls-verify (default [])
    #[arg(long, value_name = "stringToString", value_parser = endpoint::parse)]
    docker: Vec<Vec<(String, String)>>,
    context: Vec<String>,
}

impl Verb for Update {
    const SPEC: Spec = Spec {
        noun: "context",
        names: &["update"],
        top: "",
        about: "Update a context",
        usage: "[OPTIONS] CONTEXT",
        arguments: Arity::exactly(1),
        examples: &[("Another address", "context update far --docker host=tcp://10.0.0.2:2375")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let name = &self.context[0];
        if name == DEFAULT {
            return Err(Error::message(format!("{name:?} is a reserved context name")));
        }
        let store = store(cli);
        let mut meta = store.get(name)?;
        meta.describe(&self.description);
        let docker = self.docker.concat();
        if !docker.is_empty() {
            let files = endpoint::apply(&docker, &mut meta, &store, &default(cli))?;
            store.put_files(name, &files)?;
        }
        store.put(&meta)?;
        cli.say(name)?;
        cli.warn(format!("Successfully updated context {name:?}"));
        Ok(ExitCode::SUCCESS)
    }
}
