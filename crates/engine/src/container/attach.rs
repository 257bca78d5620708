//! `attach`: a connection to a container's streams.

use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::StreamExt;
use teu_api::container::AttachOptions;
use teu_keeper::protocol::{ProcessRef, Request};
use tokio::io::{AsyncWrite, DuplexStream};

use super::actor::Command;
use super::handle::{Handle, View};
use super::log_target;
use super::start::Starter;
use super::state::Phase;
use crate::hookup::{Hookup, hook_up};
use crate::log::{self, Select};
use crate::stream::{ByteStream, Input};
use crate::{Attachment, Engine, Error};

/// How much input may wait for the process.
const INPUT: usize = 64 << 10;

impl Engine {
    /// Connects to a container's streams. It need not run yet: attaching before the start misses nothing. Detach keys
    /// are the caller's business.
    ///
    /// # Errors
    /// No such container; it is paused or restarting.
    pub async fn container_attach(&self, container: &str, options: &AttachOptions) -> Result<Attachment, Error> {
        let handle = self.containers().find(container)?;
        let view = attachable(&handle)?;
        if !view.state.is_up() {
            // The keeper must have forgotten the last run: its output is not what is asked for.
            handle.ask(Command::Settle).await?;
        }
        let live = match wanted(&view, options) {
            Some(hookup) => Some(hook_up(self, hookup).await?),
            None => None,
        };
        self.container_event(&view.definition, "attach", &[]);
        Ok(self.attachment(&handle, options, live))
    }

    /// Connects to a container's streams and starts it, as [`Engine::container_attach`] and [`Engine::container_start`] do
    /// one after the other.
    ///
    /// # Errors
    /// Theirs.
    pub async fn container_start_attached(
        &self,
        container: &str,
        options: &AttachOptions,
    ) -> Result<Attachment, Error> {
        let handle = self.containers().find(container)?;
        let view = attachable(&handle)?;
        let hookup = wanted(&view, options);
        self.container_event(&view.definition, "attach", &[]);
        let live = handle.ask(|reply| Command::Start { by: Starter::User, hookup, reply }).await?;
        self.keep_told(&handle.id).await;
        Ok(self.attachment(&handle, options, live.map(|output| output.0)))
    }

    /// A connection to the streams of a container that is being started: input waits until it runs, and `output` is the
    /// caller's to get by [`Engine::container_start_attached`].
    ///
    /// # Errors
    /// No such container.
    pub fn container_starting(
        &self,
        container: &str,
        options: &AttachOptions,
        output: ByteStream,
    ) -> Result<Attachment, Error> {
        let handle = self.containers().find(container)?;
        let tty = handle.view().definition.config.tty;
        Ok(Attachment { tty, framed: true, input: self.input_of(&handle, options), output })
    }

    fn attachment(&self, handle: &Arc<Handle>, options: &AttachOptions, live: Option<ByteStream>) -> Attachment {
        let config = &handle.view().definition.config;
        let tty = config.tty;
        let past =
            if options.logs { self.past_log(handle, tty, options) } else { futures_util::stream::empty().boxed() };
        let live = live.unwrap_or_else(|| futures_util::stream::empty().boxed());
        Attachment { tty, framed: !tty, input: self.input_of(handle, options), output: past.chain(live).boxed() }
    }

    fn input_of(&self, handle: &Arc<Handle>, options: &AttachOptions) -> Option<Input> {
        let config = &handle.view().definition.config;
        (options.stdin && options.stream && config.open_stdin)
            .then(|| self.container_input(Arc::clone(handle), config.tty, config.stdin_once))
    }

    fn past_log(&self, handle: &Handle, tty: bool, options: &AttachOptions) -> ByteStream {
        let select = Select { tty, stdout: options.stdout, stderr: options.stderr, ..Select::default() };
        match log_target::readable(&handle.view().definition.host.log_config, &self.container_files(&handle.id)) {
            Ok(stored) => log::stream(stored, select, std::future::pending()),
            // As Docker: what cannot be read is nothing.
            Err(_) => futures_util::stream::empty().boxed(),
        }
    }

    /// An input that waits for the container to run and then goes to its standard input.
    fn container_input(&self, handle: Arc<Handle>, tty: bool, once: bool) -> Input {
        let (input, reader, closing) = ClientInput::new();
        let engine = self.clone();
        tokio::spawn(async move {
            let mut watch = handle.watch();
            let run = watch.wait_for(|view| view.removed || view.state.is_up());
            if run.await.is_err() {
                return;
            }
            let Some(target) = writable(&handle, tty) else { return };
            pump(reader, target).await;
            if closing.load(Ordering::Acquire) && once && !tty {
                close_stdin(&engine, &handle).await;
            }
        });
        Box::pin(input)
    }
}

/// The container, if its streams can be connected to.
fn attachable(handle: &Handle) -> Result<Arc<View>, Error> {
    let view = handle.view();
    let id = &handle.id;
    match view.state.phase {
        Phase::Paused(_) => {
            Err(Error::Conflict(format!("container {id} is paused, unpause the container before attach")))
        }
        Phase::Restarting(_) => {
            Err(Error::Conflict(format!("container {id} is restarting, wait until the container is running")))
        }
        _ => Ok(view),
    }
}

/// What output a client wants as it comes.
fn wanted(view: &View, options: &AttachOptions) -> Option<Hookup> {
    // Who sends input only stays attached until the end as well.
    (options.stream && (options.stdout || options.stderr || options.stdin)).then(|| Hookup {
        process: ProcessRef::container(&view.definition.id),
        framed: !view.definition.config.tty,
        stdout: options.stdout,
        stderr: options.stderr,
        from_start: false,
    })
}

/// A duplicate of what a container's input is written to.
fn writable(handle: &Handle, tty: bool) -> Option<OwnedFd> {
    let descriptors = handle.descriptors()?;
    let fd = if tty { descriptors.terminal.as_ref() } else { descriptors.stdin.as_ref() };
    fd?.try_clone().ok()
}

/// Closes both ends of standard input that are not the process's own.
async fn close_stdin(engine: &Engine, handle: &Handle) {
    handle.close_stdin();
    let process = ProcessRef::container(&handle.id);
    // The process may have ended: then there is nothing to close.
    if let Err(error) = engine.ask_keeper(&handle.id, Request::CloseStdin { process }).await {
        tracing::debug!(container = handle.id, %error, "standard input was not closed");
    }
}

/// Moves input until its end, or until nobody reads it any more.
pub(crate) async fn pump(mut reader: DuplexStream, target: OwnedFd) {
    let Ok(mut target) = tokio::net::unix::pipe::Sender::from_owned_fd_unchecked(target) else { return };
    // An error is the process's end.
    drop(tokio::io::copy(&mut reader, &mut target).await);
}

/// The client's end of an input: tells a shutdown from a drop.
pub(crate) struct ClientInput {
    inner: DuplexStream,
    closing: Arc<AtomicBool>,
}

impl ClientInput {
    /// The client's end, the other end, and whether the client has closed it on purpose.
    pub(crate) fn new() -> (ClientInput, DuplexStream, Arc<AtomicBool>) {
        let (inner, reader) = tokio::io::duplex(INPUT);
        let closing = Arc::new(AtomicBool::new(false));
        (ClientInput { inner, closing: Arc::clone(&closing) }, reader, closing)
    }
}

impl AsyncWrite for ClientInput {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.closing.store(true, Ordering::Release);
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
