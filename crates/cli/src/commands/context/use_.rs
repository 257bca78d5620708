//! `context use`.

use std::process::ExitCode;

use clap::Args;

use super::{has_host, overridden, store};
use crate::app::Cli;
use crate::config::context::DEFAULT;
use crate::config::context::store::check_name;
use crate::config::set_current_context;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Use {
    context: Vec<String>,
}

impl Verb for Use {
    const SPEC: Spec = Spec {
        noun: "context",
        names: &["use"],
        top: "",
        about: "Set the current docker context",
        usage: "CONTEXT",
        arguments: Arity::exactly(1),
        examples: &[("Back to this machine", "context use default")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let name = &self.context[0];
        if name != DEFAULT {
            check_name(name)?;
            store(cli).get(name)?;
        }
        set_current_context(cli.globals.config.as_deref(), Some(name).filter(|name| *name != DEFAULT))?;
        cli.say(name)?;
        cli.warn(format!("Current context is now {name:?}"));
        if name != DEFAULT && has_host() {
            cli.warn(overridden(&format!("{name:?}")));
        }
        Ok(ExitCode::SUCCESS)
    }
}
