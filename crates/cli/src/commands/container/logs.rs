//! `logs`.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use teu_api::client::Media;
use teu_api::container::LogsOptions;
use teu_api::version::ApiVersion;

use crate::app::Cli;
use crate::error::Error;
use crate::format::time;
use crate::opts::timestamp;
use crate::session;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Show extra details provided to logs
    #[arg(long)]
    details: bool,
    /// Follow log output
    #[arg(short, long)]
    follow: bool,
    /// Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
    #[arg(long, value_name = "string", default_value = "")]
    since: String,
    /// Number of lines to show from the end of the logs (default "all")
    #[arg(short = 'n', long, value_name = "string", default_value = "all")]
    tail: String,
    /// Show timestamps
    #[arg(short, long)]
    timestamps: bool,
    /// Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
    #[arg(long, value_name = "string", default_value = "")]
    until: String,
    container: Vec<String>,
}

/// From this version on, the engine says whether a log comes in frames.
const TELLS_MEDIA: ApiVersion = ApiVersion { major: 1, minor: 42 };

impl Verb for Logs {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["logs"],
        top: "logs",
        about: "Fetch the logs of a container",
        usage: "[OPTIONS] CONTAINER",
        arguments: Arity::exactly(1),
        examples: &[
            ("The last ten lines, then what comes", "logs -f -n 10 web"),
            ("What happened in the last hour, with times", "logs -t --since 1h web"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let client = cli.client()?;
        let name = &self.container[0];
        let options = LogsOptions {
            follow: self.follow,
            stdout: true,
            stderr: true,
            since: limit(&self.since, "since")?,
            until: limit(&self.until, "until")?,
            timestamps: self.timestamps,
            tail: self.tail,
            details: self.details,
        };
        let (media, body) = client.container_logs(name, &options).await?;
        let media = if client.version() >= TELLS_MEDIA {
            media
        } else if client.container_inspect(name).await?.config.tty {
            Media::Raw
        } else {
            Media::Multiplexed
        };
        session::show(body, media).await?;
        Ok(ExitCode::SUCCESS)
    }
}

fn limit(text: &str, flag: &str) -> Result<String, Error> {
    point_in_time(text).map_err(|error| Error::message(format!("invalid value for {flag:?}: {error}")))
}

/// A point in time for the engine; empty stays empty.
pub(crate) fn point_in_time(text: &str) -> Result<String, Error> {
    if text.is_empty() {
        return Ok(String::new());
    }
    Ok(timestamp::parse(text, Timestamp::now(), &time::zone())?)
}
