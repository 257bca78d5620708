//! `context rm`.

use std::process::ExitCode;

use clap::Args;

use super::store;
use crate::app::Cli;
use crate::config::context::DEFAULT;
use crate::config::set_current_context;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Force the removal of a context in use
    #[arg(short, long)]
    force: bool,
    contexts: Vec<String>,
}

impl Verb for Remove {
    const SPEC: Spec = Spec {
        noun: "context",
        names: &["rm", "remove"],
        top: "",
        about: "Remove one or more contexts",
        usage: "CONTEXT [CONTEXT...]",
        arguments: Arity::at_least(1),
        examples: &[("Though it is in use", "context rm -f far")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let mut failures = Vec::new();
        for name in &self.contexts {
            match self.remove(cli, name) {
                Ok(()) => cli.say(name)?,
                Err(error) => failures.push(error.to_string()),
            }
        }
        if failures.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(Error::message(failures.join("\n"))) }
    }
}

impl Remove {
    fn remove(&self, cli: &Cli, name: &str) -> Result<(), Error> {
        let store = store(cli);
        if name == DEFAULT {
            return Err(Error::message(format!("context {name:?} cannot be removed")));
        }
        if cli.context_name() == name {
            if !self.force {
                return Err(Error::message(format!("context {name:?} is in use, set -f flag to force remove")));
            }
            set_current_context(cli.globals.config.as_deref(), None)?;
        }
        if !self.force && !store.contains(name) {
            return Err(Error::message(format!("context {name:?} does not exist")));
        }
        Ok(store.remove(name)?)
    }
}
