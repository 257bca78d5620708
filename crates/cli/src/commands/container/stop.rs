//! `stop`.

use std::process::ExitCode;

use clap::Args;
use teu_api::container::StopOptions;

use crate::app::Cli;
use crate::commands::each::each;
use crate::error::Error;
use crate::opts::number;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    how: How,
    containers: Vec<String>,
}

/// How a container is stopped, by `stop` and `restart`.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Signal to send to the container
    #[arg(short, long, value_name = "string", default_value = "")]
    signal: String,
    /// Seconds to wait before killing the container
    #[arg(short, long, value_name = "int", value_parser = number::int)]
    timeout: Option<i64>,
    /// The older name of the same
    #[arg(long, hide = true, value_name = "int", value_parser = number::int)]
    time: Option<i64>,
}

impl How {
    /// The options of the request.
    pub(super) fn options(&self, cli: &Cli) -> Result<StopOptions, Error> {
        if self.time.is_some() {
            cli.say("Flag --time has been deprecated, use --timeout instead")?;
            if self.timeout.is_some() {
                return Err(Error::message("conflicting options: cannot specify both --timeout and --time"));
            }
        }
        Ok(StopOptions { signal: self.signal.clone(), timeout: self.timeout.or(self.time) })
    }
}

impl Verb for Stop {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["stop"],
        top: "stop",
        about: "Stop one or more running containers",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        arguments: Arity::at_least(1),
        examples: &[
            ("Kill it if it takes longer than a minute", "stop -t 60 db"),
            ("All that run", "stop $(teu ps -q)"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let options = self.how.options(cli)?;
        each(cli, &self.containers, async |client, name| {
            client.container_stop(name, &options).await?;
            Ok(name.to_owned())
        })
        .await
    }
}
