//! `context create`.

use std::process::ExitCode;

use clap::Args;

use super::{default, find, store};
use crate::app::Cli;
use crate::config::context::store::{Files, Meta, check_name};
use crate::config::context::{DEFAULT, endpoint};
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

/// What a copy of the default context is called.
const CURRENT: &str = "Current DOCKER_HOST based configuration";

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Description of the context
    #[arg(long, value_name = "string", default_value = "")]
    description: String,
    /// set the docker endpoint: from, host, ca, cert, key, skip-tls-verify (default [])
    #[arg(long, value_name = "stringToString", value_parser = endpoint::parse)]
    docker: Vec<Vec<(String, String)>>,
    /// create context from a named context
    #[arg(long, value_name = "string", default_value = "")]
    from: String,
    context: Vec<String>,
}

impl Verb for Create {
    const SPEC: Spec = Spec {
        noun: "context",
        names: &["create"],
        top: "",
        about: "Create a context",
        usage: "[OPTIONS] CONTEXT",
        arguments: Arity::exactly(1),
        examples: &[(
            "An engine elsewhere, with certificates",
            "context create far --docker host=tcp://far:2376,ca=ca.pem,cert=cert.pem,key=key.pem",
        )],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let name = &self.context[0];
        let store = store(cli);
        check_name(name)?;
        if store.contains(name) {
            return Err(Error::message(format!("context {name:?} already exists")));
        }
        let (mut meta, files) = self.made(cli)?;
        meta.name.clone_from(name);
        meta.describe(&self.description);
        store.put_files(name, &files)?;
        store.put(&meta)?;
        cli.say(name)?;
        cli.warn(format!("Successfully created context {name:?}"));
        Ok(ExitCode::SUCCESS)
    }
}

impl Create {
    /// The context without its name, and its certificates.
    fn made(&self, cli: &Cli) -> Result<(Meta, Files), Error> {
        let store = store(cli);
        let docker = self.docker.concat();
        match (self.from.as_str(), docker.is_empty()) {
            ("", true) => {
                let mut meta = find(cli, DEFAULT)?;
                meta.describe(CURRENT);
                Ok((meta, Files::new()))
            }
            ("", false) => {
                let mut meta = Meta::default();
                let files = endpoint::apply(&docker, &mut meta, &store, &default(cli))?;
                Ok((meta, files))
            }
            (_, false) => Err(Error::message("cannot use --docker flag when --from is set")),
            (from, true) => Ok((find(cli, from)?, store.files(from)?)),
        }
    }
}
