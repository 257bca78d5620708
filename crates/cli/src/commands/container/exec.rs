//! `exec`.

use std::process::ExitCode;

use clap::Args;
use teu_api::exec::{CreateRequest, StartRequest};

use super::creation::failed;
use super::run::exit_code;
use crate::app::Cli;
use crate::error::Error;
use crate::opts::env;
use crate::session::{self, Ended, Streams};
use crate::terminal::{self, resize};
use crate::verb::{Arity, Spec, Verb};

/// What is answered for a process whose end nobody saw: never 0.
const UNKNOWN_EXIT: i64 = 255;

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// Detached mode: run command in the background
    #[arg(short, long)]
    detach: bool,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", default_value = "")]
    detach_keys: String,
    /// Set environment variables
    #[arg(short, long, value_name = "list", value_parser = env::variable)]
    env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "list")]
    env_file: Vec<String>,
    /// Keep STDIN open even if not attached
    #[arg(short, long)]
    interactive: bool,
    /// Give extended privileges to the command
    #[arg(long)]
    privileged: bool,
    /// Allocate a pseudo-TTY
    #[arg(short, long)]
    tty: bool,
    /// Username or UID (format: "<name|uid>[:<group|gid>]")
    #[arg(short, long, value_name = "string", default_value = "")]
    user: String,
    /// Working directory inside the container
    #[arg(short, long, value_name = "string", default_value = "")]
    workdir: String,
    #[arg(trailing_var_arg = true)]
    args: Vec<String>,
}

impl Verb for Exec {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["exec"],
        top: "exec",
        about: "Execute a command in a running container",
        usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
        arguments: Arity::at_least(2),
        examples: &[
            ("A shell in a running container", "exec -it web sh"),
            ("As another user, somewhere else", "exec -u nobody -w /tmp web ls -l"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let keys = if self.detach_keys.is_empty() { &cli.config().detach_keys } else { &self.detach_keys };
        let refused = |_| Error::message(format!("Error response from daemon: Invalid escape keys ({keys}) provided"));
        let streams = Streams {
            stdin: self.interactive,
            stdout: !self.detach,
            stderr: !self.detach && !self.tty,
            tty: self.tty,
            detach_keys: teu_api::detach_keys::parse(keys).map_err(refused)?,
        };
        let is_attached_terminal = self.interactive && self.tty && !self.detach;
        if is_attached_terminal && !terminal::is_stdin() {
            return Err(Error::message("the input device is not a TTY"));
        }
        let (detach, tty) = (self.detach, self.tty);
        let console_size = resize::size().filter(|_| tty).map(|size| [size.height, size.width]);
        let (container, request) = self.request(console_size)?;
        let client = cli.client()?;
        let id = client.exec_create(&container, &request).await?.id;
        let engine = client.instance();
        if detach {
            client.exec_start_detached(&id, &StartRequest { detach, tty, console_size: None }).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let start = StartRequest { detach, tty, console_size };
        let stream = client.exec_start(&id, &start).await.map_err(|error| Error::Failed {
            message: crate::error::engine_message(&error),
            code: match failed(&error).code() {
                125 => 1,
                code => code,
            },
        })?;
        let follow_size = async {
            if tty && terminal::is_stdout() {
                resize::follow(client.clone(), resize::Target::Exec(id.clone())).await;
            }
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! {
            ended = session::run(stream, streams.media(), &streams) => ended?,
            () = follow_size => Ended::Output(None),
        };
        match ended {
            Ended::Detached => Err(Error::detached()),
            Ended::Signal(number) => Ok(ExitCode::from(128 + u8::try_from(number).unwrap_or(0))),
            Ended::Output(_) | Ended::Refused(_) => {
                let ended = client.exec_inspect(&id).await?;
                if client.instance() != engine {
                    // The end of the stream was the engine's: that the command has ended does not mean that all was seen.
                    return Err(Error::message("the engine was restarted meanwhile: some output may be missing"));
                }
                Ok(exit_code(ended.exit_code.unwrap_or(UNKNOWN_EXIT)))
            }
        }
    }
}

impl Exec {
    fn request(self, console_size: Option<[u16; 2]>) -> Result<(String, CreateRequest), Error> {
        let env = env::collect(&self.env_file, &self.env)?;
        let mut args = self.args.into_iter();
        let container = args.next().unwrap_or_default();
        let request = CreateRequest {
            user: self.user,
            privileged: self.privileged,
            tty: self.tty,
            console_size,
            attach_stdin: self.interactive && !self.detach,
            attach_stdout: !self.detach,
            attach_stderr: !self.detach,
            detach: self.detach,
            detach_keys: self.detach_keys,
            env: (!env.is_empty()).then_some(env),
            working_dir: self.workdir,
            cmd: Some(args.collect()),
        };
        Ok((container, request))
    }
}
