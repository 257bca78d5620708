//! Commands that do the same to each of several things.

use std::process::ExitCode;

use futures_util::StreamExt;
use teu_api::client::Client;

use crate::app::Cli;
use crate::error::Error;

/// How many requests may be under way at once.
const AT_ONCE: usize = 50;

/// Does `work` to each name and prints what it gives, in the order of the names. Failures are told at the end; one of
/// them is enough to fail the command.
pub(crate) async fn each(
    cli: &Cli,
    names: &[String],
    work: impl AsyncFn(&Client, &str) -> Result<String, Error>,
) -> Result<ExitCode, Error> {
    let client = cli.client()?;
    let work = &work;
    let mut results =
        futures_util::stream::iter(names.iter().map(|name| async move { work(client, name).await })).buffered(AT_ONCE);
    let mut failures = Vec::new();
    while let Some(result) = results.next().await {
        match result {
            Ok(line) if line.is_empty() => {}
            Ok(line) => cli.say(line)?,
            Err(error) => failures.push(error.to_string()),
        }
    }
    if failures.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(Error::message(failures.join("\n"))) }
}
