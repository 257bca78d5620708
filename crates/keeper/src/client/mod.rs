//! The daemon's end of the connection.

mod descriptors;
mod ensure;
mod pulse;
mod reader;

pub use descriptors::{Descriptors, Listed};
pub use ensure::Ensure;
pub(crate) use ensure::socket_path;
pub use pulse::Cure;

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustix::net::SendFlags;

use self::pulse::Process;
use crate::Error;
use crate::message;
use crate::protocol::{Event, Reply, Request, VERSION};
use crate::wire::Outbox;

/// A keeper that takes longer for a hello may hang.
const SILENCE: Duration = Duration::from_secs(5);

type Outcome = Result<(Reply, Vec<OwnedFd>), Error>;
type Done = Box<dyn FnOnce(Outcome) + Send>;

/// The daemon's end of a connection to the keeper. Clones share it.
///
/// Requests are numbered and may overlap; a thread of its own reads replies and events and calls back. Callbacks run
/// on that thread and must not block.
#[derive(Clone)]
pub struct Keeper {
    shared: Arc<Shared>,
}

struct Shared {
    socket: UnixStream,
    state: Mutex<State>,
    /// Unset while it is not known for sure.
    process: OnceLock<Process>,
}

#[derive(Default)]
struct State {
    next: u64,
    waiting: HashMap<u64, Done>,
    gone: bool,
    /// The keeper has said hello: from then on its end is an event.
    met: bool,
}

impl Shared {
    /// No code that holds the lock can panic, so its state is good even if poisoned.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keeper has said hello. False if it is gone already.
    fn meet(&self) -> bool {
        let mut state = self.state();
        state.met = true;
        !state.gone
    }
}

impl Keeper {
    /// Connects to the keeper of `exec_root`, or starts one from `exe` (the `teu` executable) if there is none. Two
    /// daemons that call this at once end up with the same keeper.
    ///
    /// # Errors
    /// [`Error::Spawn`], [`Error::Connect`], [`Error::Credentials`], [`Error::Version`].
    pub fn ensure(exec_root: &Path, exe: &Path, events: impl Fn(Event) + Send + 'static) -> Result<Keeper, Error> {
        Keeper::ensure_with(&Ensure { exec_root, exe, data_root: None }, events)
    }

    /// As [`Keeper::ensure`], with more to say about a keeper that has to be started.
    ///
    /// # Errors
    /// As [`Keeper::ensure`].
    pub fn ensure_with(ensure: &Ensure<'_>, events: impl Fn(Event) + Send + 'static) -> Result<Keeper, Error> {
        let events = Arc::new(Mutex::new(events));
        ensure::patiently(|| {
            let events = events.clone();
            let socket = ensure::connect_or_spawn(ensure)?;
            let events = move |event| events.lock().unwrap_or_else(PoisonError::into_inner)(event);
            Keeper::over(socket, ensure.exec_root, events)
        })
    }

    /// Connects to the keeper of `exec_root` if there is one.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Credentials`], [`Error::Version`].
    pub fn connect(exec_root: &Path, events: impl Fn(Event) + Send + 'static) -> Result<Keeper, Error> {
        Keeper::over(ensure::connect(&ensure::socket_path(exec_root))?, exec_root, events)
    }

    fn over(socket: UnixStream, exec_root: &Path, events: impl Fn(Event) + Send + 'static) -> Result<Keeper, Error> {
        let reading = socket.try_clone().map_err(|e| Error::io("duplicating the keeper's socket", e))?;
        let process = Process::behind(&socket, exec_root).map_or_else(OnceLock::new, OnceLock::from);
        let keeper = Keeper { shared: Arc::new(Shared { socket, state: Mutex::default(), process }) };
        reader::spawn(reading, Arc::downgrade(&keeper.shared), events)
            .map_err(|e| Error::io("starting the keeper's reader", e))?;
        match keeper.hello()?.0 {
            Reply::Hello { version: VERSION, pid, .. } => {
                if let Some(process) = Process::keeper(pid, exec_root) {
                    // Set already, it is the same.
                    let _ = keeper.shared.process.set(process);
                }
                // One that has died since is not an event any more.
                if keeper.shared.meet() { Ok(keeper) } else { Err(Error::Gone) }
            }
            Reply::Hello { version, pid, .. } => {
                Err(Error::Version { keeper: version, daemon: VERSION, exe: format!("/proc/{pid}/exe").into() })
            }
            other => Err(Error::Malformed(format!("{other:?} to hello"))),
        }
    }

    /// Says hello, and cures a keeper that does not answer.
    fn hello(&self) -> Outcome {
        let answer = self.ask(Request::Hello { version: VERSION }, Vec::new());
        let mut silent = Duration::ZERO;
        loop {
            match answer.recv_timeout(SILENCE) {
                Ok(outcome) => return outcome,
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Gone),
                Err(RecvTimeoutError::Timeout) => silent += SILENCE,
            }
            self.cure(silent);
        }
    }

    /// Does something about a keeper that has not answered a [`Request::Hello`] for so long: has it go on if it was stopped,
    /// and in the end kills it, so that another takes over.
    pub fn cure(&self, silent: Duration) -> Option<Cure> {
        self.shared.process.get()?.cure(silent)
    }

    /// Whether the keeper runs this executable, or one with the same content. None while its process is not known for sure.
    ///
    /// # Errors
    /// One of both cannot be read.
    pub fn runs(&self, exe: &Path) -> io::Result<Option<bool>> {
        self.shared.process.get().map(|process| process.runs(exe)).transpose()
    }

    /// Sends a request; `done` is called once, with the reply and its descriptors or the reason why there is none.
    pub fn call(&self, request: Request, fds: Vec<OwnedFd>, done: impl FnOnce(Outcome) + Send + 'static) {
        let mut state = self.shared.state();
        let id = state.next;
        state.next += 1;
        let sent = if state.gone { Err(Error::Gone) } else { self.send(id, &request, fds) };
        match sent {
            Ok(()) => drop(state.waiting.insert(id, Box::new(done))),
            Err(error) => {
                drop(state);
                done(Err(error));
            }
        }
    }

    /// Writes one frame; the lock on the state keeps frames whole.
    fn send(&self, id: u64, request: &Request, fds: Vec<OwnedFd>) -> Result<(), Error> {
        let payload = message::encode_request(id, request)?;
        let mut out = Outbox::default();
        out.push(&payload, fds).map_err(|e| Error::io("sending to the keeper", e))?;
        out.flush(&self.shared.socket, SendFlags::empty()).map_err(|e| match e.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Error::Gone,
            _ => Error::io("sending to the keeper", e),
        })
    }

    /// Sends a request and waits for its reply. Not to be called from an event callback.
    ///
    /// # Errors
    /// [`Error::Refused`] if the keeper could not do it, [`Error::Gone`] if it died meanwhile.
    pub fn call_blocking(&self, request: Request, fds: Vec<OwnedFd>) -> Outcome {
        self.ask(request, fds).recv().unwrap_or(Err(Error::Gone))
    }

    fn ask(&self, request: Request, fds: Vec<OwnedFd>) -> Receiver<Outcome> {
        let (tx, rx) = mpsc::sync_channel(1);
        self.call(request, fds, move |outcome| drop(tx.send(outcome)));
        rx
    }

    /// All processes that the keeper knows, with duplicates of their descriptors.
    ///
    /// # Errors
    /// As [`Keeper::call_blocking`].
    pub fn list(&self) -> Result<Vec<Listed>, Error> {
        let mut all: Vec<Listed> = Vec::new();
        loop {
            let after = all.last().map(|l| l.state.process.container.clone());
            let (reply, fds) = self.call_blocking(Request::List { after }, Vec::new())?;
            let Reply::List { processes, more } = reply else {
                return Err(Error::Malformed(format!("{reply:?} to list")));
            };
            let mut fds = fds.into_iter();
            all.extend(processes.into_iter().map(|state| {
                let fds = Descriptors::collect(&state.fds, &mut fds);
                Listed { state, fds }
            }));
            if !more {
                return Ok(all);
            }
        }
    }
}

impl Drop for Shared {
    /// Ends the reader thread.
    fn drop(&mut self) {
        // An error means that the other end is gone already.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }
}
