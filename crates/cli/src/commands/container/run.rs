//! `run`: create, attach, wait, start, in the fewest round trips, and end as the container ends.

use std::process::ExitCode;

use clap::Args;
use teu_api::client::{Client, Hijacked, Media, Waiting};
use teu_api::container::{AttachOptions, CreateRequest, RemoveOptions, WaitCondition, WaitError, WaitResponse};

use super::creation::{Creation, failed};
use super::options::ContainerFlags;
use crate::app::Cli;
use crate::error::Error;
use crate::session::{self, Ended, Streams};
use crate::terminal::{self, resize, signals};
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Run container in background and print container ID
    #[arg(short, long)]
    detach: bool,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", default_value = "")]
    detach_keys: String,
    /// Proxy received signals to the process (default true)
    #[arg(long, default_value = "true")]
    sig_proxy: bool,
    #[command(flatten)]
    container: ContainerFlags,
    #[arg(trailing_var_arg = true)]
    args: Vec<String>,
}

impl Verb for Run {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["run"],
        top: "run",
        about: "Create and run a new container from an image",
        usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        arguments: Arity::at_least(1),
        examples: &[
            ("A shell, gone when it ends", "run --rm -it busybox sh"),
            ("A web server in the background, at port 8080 of the host", "run -d --name web -p 8080:80 nginx"),
            (
                "The current directory as /src, half a processor, 256 MB",
                "run --rm -v .:/src -w /src --cpus .5 -m 256m debian make",
            ),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        if self.detach && !self.container.general.attach.is_empty() {
            return Err(Error::message("conflicting options: cannot specify both --attach and --detach"));
        }
        let detach = self.detach;
        let creation = Creation::prepare(cli, self.container, &self.args, |request| adjust(request, detach))?;
        let streams = streams(creation.request(), &self.detach_keys, cli)?;
        let remove = creation.request().host_config.as_ref().is_some_and(|host| host.auto_remove);
        if streams.tty && streams.stdin && !detach && !terminal::is_stdin() {
            return Err(Error::Failed { message: "the input device is not a TTY".to_owned(), code: 1 });
        }
        let begin = attach_options(&streams).filter(|options| !detach && (options.stdout || options.stderr));
        let (id, stream) = creation.create_or_begin(cli, begin.map(|options| (options, condition(remove)))).await?;
        let client = cli.client()?;
        if detach {
            let started = client.container_start(&id, "").await;
            // It is there even if it does not start.
            cli.say(id)?;
            started.map_err(|error| failed(&error))?;
            return Ok(ExitCode::SUCCESS);
        }
        let is_proxied = self.sig_proxy && !streams.tty;
        let result = match stream {
            Some(stream) => {
                forwarding(client, &id, is_proxied, begun(cli, client, &id, &streams, remove, stream)).await
            }
            None => attended(cli, &id, &streams, remove, is_proxied).await,
        };
        if !streams.stdout && !streams.stderr && !streams.stdin {
            cli.say(id)?;
        }
        result
    }
}

/// What differs between `run` and `create`.
fn adjust(request: &mut CreateRequest, detach: bool) {
    if detach {
        let config = &mut request.config;
        config.attach_stdin = false;
        config.attach_stdout = false;
        config.attach_stderr = false;
        config.stdin_once = false;
    }
    // So that the first thing a program sees is the right size.
    if let (Some(size), Some(host)) = (resize::size(), &mut request.host_config) {
        host.console_size = [size.height.into(), size.width.into()];
    }
}

fn streams(request: &CreateRequest, flag: &str, cli: &Cli) -> Result<Streams, Error> {
    let config = &request.config;
    Ok(Streams {
        stdin: config.attach_stdin,
        stdout: config.attach_stdout,
        // With a terminal there is one output.
        stderr: config.attach_stderr && !config.tty,
        tty: config.tty,
        detach_keys: detach_keys(flag, cli)?,
    })
}

/// The keys that detach, from the flag or the configuration file.
pub(super) fn detach_keys(flag: &str, cli: &Cli) -> Result<Vec<u8>, Error> {
    let keys = if flag.is_empty() { cli.config().detach_keys.as_str() } else { flag };
    teu_api::detach_keys::parse(keys)
        .map_err(|error| Error::message(format!("invalid detach keys ({keys}): Unknown character: '{}'", error.part)))
}

/// [`attached`], with signals passed on to the container if `proxied`.
pub(super) async fn attended(
    cli: &Cli,
    id: &str,
    streams: &Streams,
    remove: bool,
    proxied: bool,
) -> Result<ExitCode, Error> {
    let client = cli.client()?;
    let session = attached(cli, client, id, streams, remove);
    forwarding(client, id, proxied, session).await
}

/// A session to its end, during which signals go to the container if they are to.
pub(super) async fn forwarding(
    client: &Client,
    id: &str,
    is_forwarded: bool,
    session: impl Future<Output = Result<ExitCode, Error>>,
) -> Result<ExitCode, Error> {
    if !is_forwarded {
        return session.await;
    }
    let caught = signals::Caught::forwarded();
    tokio::select! {
        result = session => result,
        error = signals::forward(client, id, caught) => Err(error),
    }
}

/// Attaches to a created container, starts it, and stays until it ends or the user leaves.
async fn attached(cli: &Cli, client: &Client, id: &str, streams: &Streams, remove: bool) -> Result<ExitCode, Error> {
    let condition = condition(remove);
    // With input alone the session ends before the container does.
    if let Some(options) = attach_options(streams).filter(|options| options.stdout || options.stderr)
        && let Some(stream) = client.container_run(id, &options, condition).await.map_err(|error| failed(&error))?
    {
        return begun(cli, client, id, streams, remove, stream).await;
    }
    // Both before the start, so that neither output nor exit is missed.
    let (stream, waiting) = tokio::join!(attach(client, id, streams), client.container_wait(id, condition));
    let (stream, waiting) = (stream.map_err(|error| failed(&error))?, waiting.map_err(|error| failed(&error))?);
    if let Err(error) = client.container_start(id, "").await {
        if remove {
            // It goes away by itself; when it is gone, its name is free again.
            let _ = waiting.exit().await;
        }
        return Err(failed(&error));
    }
    Ok(until_exit(client, id, streams, stream, waiting).await?.unwrap_or(ExitCode::SUCCESS))
}

/// What `run` waits for.
fn condition(remove: bool) -> WaitCondition {
    if remove { WaitCondition::Removed } else { WaitCondition::NextExit }
}

/// Stays with a container that the engine starts, or has started, until it ends or the user leaves.
async fn begun(
    cli: &Cli,
    client: &Client,
    id: &str,
    streams: &Streams,
    remove: bool,
    stream: Hijacked,
) -> Result<ExitCode, Error> {
    let ended = copied(client, id, streams, Some((stream, Media::Multiplexed))).await?;
    let wait = || async {
        if client.container_inspect(id).await?.state.status == "created" {
            return Ok(never_started(client, id, remove).await);
        }
        cli.warn("the engine was restarted meanwhile: some output may be missing");
        // It may have ended meanwhile, which is no next exit any more.
        let condition = if remove { WaitCondition::Removed } else { WaitCondition::NotRunning };
        client.container_wait(id, condition).await?.exit().await
    };
    Ok(concluded(ended, wait).await?.unwrap_or(ExitCode::SUCCESS))
}

async fn attach(client: &Client, id: &str, streams: &Streams) -> Result<Option<Hijacked>, teu_api::client::Error> {
    match attach_options(streams) {
        Some(options) => client.container_attach(id, &options).await.map(Some),
        None => Ok(None),
    }
}

/// What to attach, if anything.
fn attach_options(streams: &Streams) -> Option<AttachOptions> {
    let Streams { stdin, stdout, stderr, .. } = *streams;
    (stdin || stdout || stderr).then(|| AttachOptions {
        stream: true,
        stdin,
        stdout,
        stderr,
        ..AttachOptions::default()
    })
}

/// Copies the streams of a running container, and gives its exit code; none when the user detached.
pub(super) async fn until_exit(
    client: &Client,
    id: &str,
    streams: &Streams,
    stream: Option<Hijacked>,
    waiting: Waiting,
) -> Result<Option<ExitCode>, Error> {
    let ended = copied(client, id, streams, stream.map(|stream| (stream, streams.media()))).await?;
    concluded(ended, || waiting.exit()).await
}

/// Copies the streams of a running container; the terminal's size follows ours.
async fn copied(
    client: &Client,
    id: &str,
    streams: &Streams,
    stream: Option<(Hijacked, Media)>,
) -> Result<Ended, Error> {
    let follow_size = async {
        if streams.tty && terminal::is_stdout() {
            resize::follow(client.clone(), resize::Target::Container(id.to_owned())).await;
        }
        std::future::pending::<()>().await;
    };
    let copy = async {
        match stream {
            Some((stream, media)) => session::run(stream, media, streams).await,
            None => Ok(Ended::Output(None)),
        }
    };
    tokio::select! {
        ended = copy => ended,
        () = follow_size => Ok(Ended::Output(None)),
    }
}

/// The exit code after a session; none when the user detached. `wait` tells it if the stream did not.
async fn concluded<F>(ended: Ended, wait: impl FnOnce() -> F) -> Result<Option<ExitCode>, Error>
where
    F: Future<Output = Result<WaitResponse, teu_api::client::Error>>,
{
    match ended {
        Ended::Detached => Ok(None),
        Ended::Refused(message) => Err(refused(message)),
        Ended::Signal(number) => Ok(Some(ExitCode::from(128 + u8::try_from(number).unwrap_or(0)))),
        Ended::Output(told) => {
            let answer = match told {
                Some(answer) => answer,
                None => wait().await.map_err(lost)?,
            };
            match answer.error {
                Some(error) => Err(Error::Start { message: error.message, code: 125 }),
                None => Ok(Some(exit_code(answer.status_code))),
            }
        }
    }
}

/// What is told of a container whose engine ended before it had started it.
async fn never_started(client: &Client, id: &str, remove: bool) -> WaitResponse {
    if remove {
        // What keeps it is said by whoever looks for it next.
        let _ = client.container_remove(id, &RemoveOptions::default()).await;
    }
    let message = "the engine was restarted before it had started the container".to_owned();
    WaitResponse { error: Some(WaitError { message }), ..WaitResponse::default() }
}

/// The engine's refusal of a start, as if it had been the answer to a request.
fn refused(message: String) -> Error {
    failed(&teu_api::client::Error::Api { status: http::StatusCode::INTERNAL_SERVER_ERROR, message })
}

/// Why it is not known how a container ended.
fn lost(error: teu_api::client::Error) -> Error {
    if error.is_not_found() {
        return Error::message("the engine was restarted meanwhile: how the container ended is not known");
    }
    error.into()
}

/// A container's exit code as ours; the kernel keeps eight bits of it anyway.
pub(super) fn exit_code(status: i64) -> ExitCode {
    ExitCode::from(u8::try_from(status & 0xff).unwrap_or(1))
}
