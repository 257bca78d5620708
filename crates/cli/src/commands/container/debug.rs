//! `debug`: a shell with tools for a container that has none.
//!
//! A container beside the container: it shares the target's processes and network, and its shell has the target's root
//! for its own, with tools that nobody can find there. How, and why so, is told in `docs/design/debug.md`.

mod plan;
mod tools;

use std::process::ExitCode;

use clap::Args;
use teu_api::client::{Client, RequestBody};
use teu_api::container::{ArchiveOptions, CommitOptions, CreateRequest, Inspect, RemoveOptions};
use teu_api::image;

use super::creation::Creation;
use super::run::{attended, detach_keys};
use crate::app::Cli;
use crate::error::Error;
use crate::opts::env;
use crate::session::Streams;
use crate::terminal;
use crate::verb::{Arity, Spec, Verb};
use plan::{Plan, View};
use tools::Toolbox;

#[derive(Debug, Args)]
pub(crate) struct Debug {
    /// Set environment variables
    #[arg(short, long, value_name = "list", value_parser = env::variable)]
    env: Vec<String>,
    /// Use this image's tools; the container's root is then at /proc/1/root
    #[arg(long, value_name = "string", default_value = "")]
    image: String,
    /// Give extended privileges to the shell
    #[arg(long)]
    privileged: bool,
    /// Username or UID (format: "<name|uid>[:<group|gid>]") (default root)
    #[arg(short, long, value_name = "string", default_value = "")]
    user: String,
    #[arg(trailing_var_arg = true)]
    args: Vec<String>,
}

impl Verb for Debug {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["debug"],
        top: "debug",
        about: "Open a shell with tools in a container that has none",
        usage: "[OPTIONS] CONTAINER [COMMAND] [ARG...]",
        arguments: Arity::at_least(1),
        examples: &[
            ("A shell in a container FROM scratch", "debug web"),
            ("One command: who listens there?", "debug web netstat -ltn"),
            ("With the tools of an image", "debug --image nicolaka/netshoot web"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let client = cli.client()?;
        let Some((name, command)) = self.args.split_first() else { return Ok(ExitCode::FAILURE) };
        let target = client.container_inspect(name).await?;
        let view = view(&target, !self.image.is_empty())?;
        let tty = terminal::is_stdin() && terminal::is_stdout();
        let env = env::collect(&[], &self.env)?;
        let Self { image, privileged, user, .. } = self;
        let plan = Plan { target: &target, command, env, privileged, user, tty };
        if tty {
            cli.warn(plan.greeting(view));
        }
        match view {
            View::Image => shell(cli, plan.with_image(image), tty, None).await,
            View::Root => {
                let image = tools::image(cli, &Toolbox::find()?).await?;
                shell(cli, plan.in_root(image), tty, None).await
            }
            View::Copy => {
                let tools = Toolbox::find()?;
                tools.check(client).await?;
                let copy = snapshot(client, &target).await?;
                let result = shell(cli, plan.on_copy(copy.clone()), tty, Some(tools)).await;
                let removed = client.image_remove(&copy, image::RemoveOptions { force: true, no_prune: false }).await;
                let code = result?;
                removed?;
                Ok(code)
            }
        }
    }
}

/// What can be seen of a container in its state.
fn view(target: &Inspect, has_image: bool) -> Result<View, Error> {
    let name = target.name.trim_start_matches('/');
    let fail = |reason: &str| Err(Error::message(format!("cannot debug {name}: {reason}")));
    match target.state.status.as_str() {
        "running" if target.host_config.pid_mode.starts_with("container:") => {
            fail("it shares the processes of another container: debug that one")
        }
        "running" if has_image => Ok(View::Image),
        "running" => Ok(View::Root),
        "paused" => fail("it is paused: unpause it first"),
        _ if has_image => {
            fail("it does not run, and --image is for one that does; without it, a copy of its files is opened")
        }
        _ => Ok(View::Copy),
    }
}

/// An image of the container's files as they are. It has no name, so that `image prune` finds it if nobody is left to
/// remove it.
async fn snapshot(client: &Client, target: &Inspect) -> Result<String, Error> {
    let comment = "teu debug".to_owned();
    let options = CommitOptions {
        container: target.id.clone(),
        repo: String::new(),
        tag: String::new(),
        comment,
        author: String::new(),
        pause: false,
        changes: Vec::new(),
    };
    Ok(client.container_commit(&options).await?.id)
}

/// Makes the container, puts tools into it, and stays until it ends. It is removed then.
async fn shell(cli: &Cli, request: CreateRequest, tty: bool, tools: Option<Toolbox>) -> Result<ExitCode, Error> {
    let client = cli.client()?;
    let keys = detach_keys("", cli)?;
    let id = Creation::of(request).create(cli).await?;
    if let Some(tools) = tools
        && let Err(error) = put(client, &id, &tools).await
    {
        // What went wrong first is what is told.
        let _ = client.container_remove(&id, &RemoveOptions { force: true, ..RemoveOptions::default() }).await;
        return Err(error);
    }
    let streams = Streams { stdin: true, stdout: true, stderr: !tty, tty, detach_keys: keys };
    attended(cli, &id, &streams, true, !tty).await
}

async fn put(client: &Client, id: &str, tools: &Toolbox) -> Result<(), Error> {
    let archive = RequestBody::bytes(tools.archive()?);
    Ok(client.container_put_archive(id, "/", &ArchiveOptions::default(), archive).await?)
}
