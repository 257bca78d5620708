//! A command of the engine's own in a container: run to its end, its output collected.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use teu_api::exec::{CreateRequest, StartRequest};
use teu_api::stream::Decoder;
use teu_keeper::protocol::Request;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::create::check_container;
use super::registry::Exec;
use super::start::ExecStarted;
use crate::container::{Handle, signal};
use crate::stream::ByteStream;
use crate::{Engine, Error, ids};

/// How long a killed command may take to go; longer only in uninterruptible sleep.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);
/// When it is killed again meanwhile.
const KILL_AGAIN: Duration = Duration::from_millis(200);

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) exit_code: i32,
    /// Both streams, in the order in which they came; not more than was asked for.
    pub(crate) output: Vec<u8>,
}

impl Engine {
    /// Runs a command as the container's user, for at most `limit`: none if it had to be killed then. The first `most`
    /// bytes of its output are kept. If the caller goes away, the command is killed.
    ///
    /// # Errors
    /// The container is not running or paused; the command cannot be run.
    pub(crate) async fn exec_collect(
        &self,
        container: &Arc<Handle>,
        command: &[String],
        limit: Duration,
        most: usize,
    ) -> Result<Option<Collected>, Error> {
        check_container(container, &container.id)?;
        let request = CreateRequest {
            cmd: Some(command.to_vec()),
            attach_stdout: true,
            attach_stderr: true,
            ..CreateRequest::default()
        };
        let exec = Arc::new(Exec::new(ids::random_id()?, Arc::clone(container), request));
        let action = format!("exec_create: {}", exec.line());
        self.container_event(&container.view().definition, &action, &[("execID", exec.id.clone())]);
        self.execs().add(Arc::clone(&exec));
        exec.claim()?;
        // A task of its own sees it through, also when the caller is dropped: `gone` resolves then.
        let (caller, gone) = oneshot::channel();
        let result = tokio::spawn(see_through(self.clone(), exec, limit, most, gone)).await;
        drop(caller);
        result.map_err(|e| Error::Part { part: "exec", message: e.to_string() })?
    }

    async fn collect(&self, exec: &Arc<Exec>, most: usize) -> Result<Vec<u8>, Error> {
        match self.run_exec(exec, &StartRequest::default()).await? {
            ExecStarted::Attached(attachment) => read(attachment.output, most).await,
            ExecStarted::Detached => Ok(Vec::new()),
        }
    }
}

async fn see_through(
    engine: Engine,
    exec: Arc<Exec>,
    limit: Duration,
    most: usize,
    gone: oneshot::Receiver<()>,
) -> Result<Option<Collected>, Error> {
    let mut collecting = Box::pin(engine.collect(&exec, most));
    let finished = tokio::select! {
        output = &mut collecting => Some(output),
        () = tokio::time::sleep(limit) => None,
        _ = gone => None,
    };
    let result = match finished {
        Some(Ok(output)) => Ok(Some(Collected { exit_code: exec.exit_code(), output })),
        Some(Err(error)) => Err(error),
        None => {
            end(&engine, &exec, collecting).await;
            Ok(None)
        }
    };
    engine.execs().forget_exec(&exec.id);
    // If it was not hooked up, its end has been kept until now.
    engine.acknowledge_exit(exec.process());
    result
}

/// Kills a command and waits until it is over, unless it never goes.
async fn end(engine: &Engine, exec: &Exec, mut collecting: impl Future<Output = Result<Vec<u8>, Error>> + Unpin) {
    let deadline = Instant::now() + KILL_TIMEOUT;
    while Instant::now() < deadline {
        let request = Request::Signal { process: exec.process(), signal: signal::KILL, all: false };
        if let Err(error) = engine.processes().call(request, Vec::new()).await {
            tracing::debug!(exec = exec.id, %error, "a command was not killed");
        }
        // It may have been about to be started: then it is killed the next time.
        if tokio::time::timeout(KILL_AGAIN, &mut collecting).await.is_ok() {
            return;
        }
    }
}

/// The first `most` bytes of a framed stream; the rest is read and dropped, so that nobody waits.
async fn read(mut stream: ByteStream, most: usize) -> Result<Vec<u8>, Error> {
    let mut decoder = Decoder::new();
    let mut output = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        let mut rest = &chunk[..];
        while let Ok(Some((_, piece))) = decoder.next(&mut rest) {
            output.extend_from_slice(&piece[..piece.len().min(most - output.len())]);
        }
    }
    Ok(output)
}
