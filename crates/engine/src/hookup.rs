//! The output of a process as it comes, through the keeper's death.
//!
//! The keeper sends output in frames over a socket, and a last frame at its end. A socket that ends without it was a
//! keeper's that died: its successor is asked for the rest. Whatever the first had taken and not sent stands in the process's
//! spools, and both sides count bytes, so that nothing is lost and nothing comes twice.

mod reader;

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::StreamExt;
use teu_keeper::Listed;
use teu_keeper::protocol::{AttachRequest, Framing, Health, ProcessRef, Reply, Request};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

use self::reader::Reader;
use crate::backend::KEEPERS;
use crate::stream::ByteStream;
use crate::{Engine, Error};

/// Whose output is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Hookup {
    pub(crate) process: ProcessRef,
    /// Whether the output is wanted in Docker's framing.
    pub(crate) framed: bool,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
    /// The process may have been started already; its output is wanted from its beginning.
    pub(crate) from_start: bool,
}

/// The output that was asked for.
pub(crate) struct Output(pub(crate) ByteStream);

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Output")
    }
}

/// A connection to a process's output.
struct Source {
    socket: UnixStream,
    /// How much of both outputs came before.
    positions: [u64; 2],
    /// The spools of both, in which it stands.
    spools: Option<[File; 2]>,
}

/// A stream that somebody reads.
struct Live {
    hookup: Hookup,
    /// How often the container had ended when it began.
    exits: Option<u64>,
    /// Connections to further keepers. Dropped when there is nothing more to come.
    next: mpsc::UnboundedSender<Source>,
    /// The keeper that it was last connected to.
    epoch: AtomicU64,
}

/// All streams.
#[derive(Default)]
pub(crate) struct Hookups {
    streams: Mutex<Streams>,
    /// The last keeper that all have been carried over to.
    carried: watch::Sender<u64>,
}

#[derive(Default)]
struct Streams {
    serial: u64,
    live: HashMap<u64, Arc<Live>>,
}

impl Hookups {
    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All streams are connected to the keeper of `epoch`.
    pub(crate) fn carried_over(&self, epoch: u64) {
        self.carried.send_replace(epoch);
    }

    /// Resolves when all streams are connected to the keeper of `epoch`, or to a later one.
    pub(crate) async fn wait_until_carried_over(&self, epoch: u64) {
        // The sender lives as long as the engine.
        drop(self.carried.subscribe().wait_for(|carried| *carried >= epoch).await);
    }

    fn forget(&self, serial: u64) {
        self.lock().live.remove(&serial);
    }

    fn all(&self) -> Vec<(u64, Arc<Live>)> {
        self.lock().live.iter().map(|(serial, live)| (*serial, Arc::clone(live))).collect()
    }
}

/// Asks the keeper for the output of a process, which need not have been started yet.
pub(crate) async fn hook_up(engine: &Engine, hookup: Hookup) -> Result<ByteStream, Error> {
    for _ in 0..KEEPERS {
        let epoch = engine.processes().epoch();
        let source = match ask(engine, &hookup, hookup.from_start).await {
            Err(Error::KeeperLost) => {
                engine.processes().renewed(epoch).await?;
                continue;
            }
            other => other?,
        };
        if let Some((serial, next)) = register(engine, &hookup, epoch) {
            let reader = Reader::new(engine.clone(), serial, next, &hookup, source).await;
            return Ok(futures_util::stream::unfold(reader, Reader::next).boxed());
        }
    }
    Err(Error::Unavailable("one keeper after the other dies".to_owned()))
}

/// Makes a stream known, so that it is carried over to the next keeper. None if there is one already, which would not know
/// of it.
fn register(engine: &Engine, hookup: &Hookup, epoch: u64) -> Option<(u64, mpsc::UnboundedReceiver<Source>)> {
    let (next, inbox) = mpsc::unbounded_channel();
    let exits = engine.containers().get(&hookup.process.container).map(|handle| handle.view().exits);
    let mut streams = engine.hookups().lock();
    // Under the lock: who carries streams over takes it after the count has changed.
    if engine.processes().epoch() != epoch {
        return None;
    }
    streams.serial += 1;
    let serial = streams.serial;
    let epoch = AtomicU64::new(epoch);
    streams.live.insert(serial, Arc::new(Live { hookup: hookup.clone(), exits, next, epoch }));
    Some((serial, inbox))
}

async fn ask(engine: &Engine, hookup: &Hookup, resume: bool) -> Result<Source, Error> {
    let Hookup { process, stdout, stderr, .. } = hookup.clone();
    // The end of the output must be told from a keeper's end, also for a terminal.
    let request = AttachRequest { process, stdout, stderr, framing: Framing::Multiplexed, resume };
    let (reply, fds) = engine.processes().call(Request::Attach(request), Vec::new()).await?;
    let mut fds = fds.into_iter();
    let (Reply::Attached { positions }, Some(socket)) = (&reply, fds.next()) else {
        return Err(Error::Part { part: "keeper", message: format!("answered an attach with {reply:?}") });
    };
    let spools = fds.next().zip(fds.next()).map(|(stdout, stderr)| [File::from(stdout), File::from(stderr)]);
    Ok(Source { socket: nonblocking(socket)?, positions: *positions, spools })
}

fn nonblocking(socket: OwnedFd) -> Result<UnixStream, Error> {
    let failed = |source| Error::File { path: "attached output".into(), source };
    let socket = std::os::unix::net::UnixStream::from(socket);
    socket.set_nonblocking(true).map_err(failed)?;
    UnixStream::from_std(socket).map_err(failed)
}

impl Engine {
    /// Carries all streams over to the keeper of `epoch`, which knew the `listed` processes when it was `asked`. To be done
    /// before it is told anything that makes it forget one.
    ///
    /// # Errors
    /// [`Error::KeeperLost`]: there is another keeper, to which all are to be carried over.
    pub(crate) async fn carry_over(&self, listed: &[Listed], asked: Instant, epoch: u64) -> Result<(), Error> {
        for (serial, live) in self.hookups().all() {
            // Begun with this keeper.
            if live.epoch.load(Ordering::Acquire) == epoch {
                continue;
            }
            let known = listed.iter().find(|listed| listed.state.process == live.hookup.process);
            let goes_on = match known {
                // Another run of the same container is none of its business.
                Some(known) => known.state.health != Health::Running || self.is_same_run(&live),
                None => self.may_start(&live, asked),
            };
            if self.processes().epoch() != epoch {
                return Err(Error::KeeperLost);
            }
            if !goes_on {
                self.hookups().forget(serial);
                continue;
            }
            let asked = ask(self, &live.hookup, true).await;
            if self.processes().epoch() != epoch {
                return Err(Error::KeeperLost);
            }
            match asked {
                Ok(source) => {
                    live.epoch.store(epoch, Ordering::Release);
                    // Nobody listens any more: it forgets itself.
                    drop(live.next.send(source));
                }
                Err(Error::KeeperLost) => return Err(Error::KeeperLost),
                Err(error) => {
                    tracing::warn!(process = %live.hookup.process, %error, "an attached stream was not carried over");
                }
            }
        }
        Ok(())
    }

    fn is_same_run(&self, live: &Live) -> bool {
        let process = &live.hookup.process;
        let exits = self.containers().get(&process.container).map(|handle| handle.view().exits);
        process.exec.is_some() || exits == live.exits
    }

    /// Whether a process that the keeper did not know when it was `asked` is about to be started, or has been since.
    fn may_start(&self, live: &Live, asked: Instant) -> bool {
        let process = &live.hookup.process;
        match self.containers().get(&process.container) {
            None => false,
            // Execs that are being started are hooked up anew.
            Some(_) if process.exec.is_some() => false,
            Some(handle) => {
                let view = handle.view();
                let lost = view.state.is_up() && view.begun.is_none_or(|begun| begun < asked);
                !view.removed && !lost && live.exits == Some(view.exits)
            }
        }
    }
}
