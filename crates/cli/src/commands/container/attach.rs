//! `attach`.

use std::process::ExitCode;

use clap::Args;
use teu_api::client::Client;
use teu_api::container::{AttachOptions, Inspect, ResizeOptions, WaitCondition};

use super::run::{detach_keys, forwarding, until_exit};
use crate::app::Cli;
use crate::error::Error;
use crate::session::Streams;
use crate::terminal::{self, resize};
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", default_value = "")]
    detach_keys: String,
    /// Do not attach STDIN
    #[arg(long)]
    no_stdin: bool,
    /// Proxy all received signals to the process (default true)
    #[arg(long, default_value = "true")]
    sig_proxy: bool,
    container: Vec<String>,
}

impl Verb for Attach {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["attach"],
        top: "attach",
        about: "Attach local standard input, output, and error streams to a running container",
        usage: "[OPTIONS] CONTAINER",
        arguments: Arity::exactly(1),
        examples: &[("Watch without typing", "attach --no-stdin --sig-proxy=false web")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let client = cli.client()?;
        let container = client.container_inspect(&self.container[0]).await?;
        check(&container)?;
        let (streams, options) = attachment(cli, &container, !self.no_stdin, &self.detach_keys)?;
        let id = container.id.as_str();
        let waiting = client.container_wait(id, WaitCondition::NotRunning);
        let (stream, waiting) = tokio::join!(client.container_attach(id, &options), waiting);
        let (stream, waiting) = (stream?, waiting?);
        if streams.tty && terminal::is_stdout() {
            redraw(client, id).await;
        }
        let session = async {
            let code = until_exit(client, id, &streams, Some(stream), waiting).await?;
            code.ok_or_else(Error::detached)
        };
        forwarding(client, id, !streams.tty && self.sig_proxy, session).await
    }
}

/// What is connected to what, and how the engine is asked for it. Standard input, if it is wanted and the container takes any.
///
/// # Errors
/// If the keys are none, or a terminal is needed and there is none.
pub(super) fn attachment(
    cli: &Cli,
    container: &Inspect,
    stdin: bool,
    keys: &str,
) -> Result<(Streams, AttachOptions), Error> {
    let tty = container.config.tty;
    let stdin = stdin && container.config.open_stdin;
    if stdin && tty && !terminal::is_stdin() {
        return Err(Error::message("the input device is not a TTY"));
    }
    let streams = Streams { stdin, stdout: true, stderr: !tty, tty, detach_keys: detach_keys(keys, cli)? };
    let options = AttachOptions {
        stream: true,
        stdin: streams.stdin,
        stdout: true,
        stderr: true,
        detach_keys: keys.to_owned(),
        ..AttachOptions::default()
    };
    Ok((streams, options))
}

fn check(container: &Inspect) -> Result<(), Error> {
    let state = &container.state;
    let refuse = |why: &str| Err(Error::message(format!("You cannot attach to a {why}")));
    match () {
        () if !state.running => refuse("stopped container, start it first"),
        () if state.paused => refuse("paused container, unpause it first"),
        () if state.restarting => refuse("restarting container, wait until it is running"),
        () => Ok(()),
    }
}

/// Has a full-screen program draw itself: it does so when the size changes, so the size changes and is then put right.
async fn redraw(client: &Client, id: &str) {
    let target = resize::Target::Container(id.to_owned());
    if let Some(ResizeOptions { height, width }) = resize::size() {
        let other = ResizeOptions { height: height.saturating_add(1), width: width.saturating_add(1) };
        resize::send_size(client, &target, other).await;
    }
}
