//! `logout`.

use std::process::ExitCode;

use clap::Args;

use super::server;
use crate::app::Cli;
use crate::config::auth;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Logout {
    server: Vec<String>,
}

impl Verb for Logout {
    const SPEC: Spec = Spec {
        noun: "",
        names: &["logout"],
        top: "logout",
        about: "Log out from a registry",
        usage: "[SERVER]",
        arguments: Arity::between(0, 1),
        examples: &[("A registry of your own", "logout r.example:5000")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let server = server(self.server.first());
        cli.say(format!("Removing login credentials for {server}"))?;
        if let Err(error) = auth::erase(cli.config(), cli.globals.config.as_deref(), &server) {
            cli.warn(format!("WARNING: could not erase credentials: {error:#}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}
