//! The keeper's process: one thread, one epoll loop.

mod attach;
mod cgroups;
mod chores;
mod compress;
mod config;
mod connection;
mod exit;
mod external;
pub(crate) mod fuzzing;
mod guardian;
mod mountns;
mod options;
mod output;
mod poll;
mod recover;
mod requests;
mod saved;
mod setup;
mod slab;
mod start;
mod stdio;
mod task;
mod upgrade;
mod ward;

pub use compress::{COMPRESS, compress};
pub use options::Options;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;

use self::attach::Clients;
use self::cgroups::Cgroups;
use self::chores::Chore;
use self::compress::Compression;
use self::connection::Connection;
use self::poll::{Poll, Token};
use self::slab::Slab;
use self::task::Task;
use self::ward::Ward;
use crate::launch::{Launcher, Native};
use crate::log::Scratch;
use crate::protocol::{Event, Failure, ProcessRef, Reply};

/// What a request is answered with, and the descriptors that go along.
type Answer = Result<(Reply, Vec<OwnedFd>), Failure>;

/// How long to wait before trying a full disk again.
const RETRY: Duration = Duration::from_secs(1);

/// Daemons that may wait to be accepted.
const BACKLOG: i32 = 128;

/// The keeper.
struct Server {
    options: Options,
    root: PathBuf,
    poll: Poll,
    listener: OwnedFd,
    /// Held for the keeper's life: there is one keeper for an exec root.
    lock: OwnedFd,
    /// To the guardian, if there is one.
    ward: Option<Ward>,
    launcher: Box<dyn Launcher>,
    cgroups: Cgroups,
    connections: Slab<Connection>,
    /// Connections so far: their serial numbers.
    accepted: u64,
    commands: Slab<external::Running>,
    tasks: Slab<Task>,
    index: BTreeMap<ProcessRef, u32>,
    clients: Clients,
    stalled: BTreeSet<u32>,
    open_logs: VecDeque<u32>,
    compression: Compression,
    chores: Vec<Chore>,
    scratch: Scratch,
    stopping: bool,
}

/// Runs `teu keeper`, with the arguments after that word, from a protected copy of its executable. Returns when the keeper ends, or at once in the process that
/// was told to start one in the background.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if args.first().is_some_and(|arg| arg == COMPRESS) {
        return compress();
    }
    let started = teu_runtime::protect_executable().and_then(|()| Options::parse(args));
    match started.and_then(|options| serve(&options, Box::new(Native::new(&options.exec_root)))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Runs a keeper that starts processes by `launcher`.
///
/// # Errors
/// It cannot be set up. What goes wrong later is told to whom it concerns.
pub fn serve(options: &Options, launcher: Box<dyn Launcher>) -> io::Result<()> {
    if options.resume {
        setup::clean();
        let (ground, parcel) = upgrade::receive()?;
        let mut server = Server::new(options, ground, launcher)?;
        server.unpack(parcel)?;
        return server.run();
    }
    let ground = setup::prepare(options)?;
    let work = |ward| {
        let mut server = Server { ward, ..Server::new(options, ground, launcher)? };
        server.recover();
        server.run()
    };
    if options.background { setup::in_background(&options.exec_root, work) } else { work(None) }
}

impl Server {
    fn new(options: &Options, ground: setup::Ground, launcher: Box<dyn Launcher>) -> io::Result<Server> {
        let server = Server {
            options: options.clone(),
            root: options.exec_root.clone(),
            poll: Poll::new()?,
            listener: ground.listener,
            lock: ground.lock,
            ward: None,
            launcher,
            cgroups: Cgroups::default(),
            connections: Slab::default(),
            accepted: 0,
            commands: Slab::default(),
            tasks: Slab::default(),
            index: BTreeMap::new(),
            clients: Clients::default(),
            stalled: BTreeSet::new(),
            open_logs: VecDeque::new(),
            compression: Compression::default(),
            chores: Vec::new(),
            scratch: Scratch::default(),
            stopping: false,
        };
        // Again, by this process: from now on the kernel tells those who connect its id rather than its ancestor's.
        rustix::net::listen(&server.listener, BACKLOG)?;
        server.poll.add(&server.listener, Token::Listener, EventFlags::IN)?;
        Ok(server)
    }

    fn run(&mut self) -> io::Result<()> {
        let mut tried = Instant::now();
        while !self.stopping {
            let timeout = match (self.chores.is_empty(), self.stalled.is_empty()) {
                (false, _) => Some(chores::QUIET),
                (true, false) => Some(RETRY),
                (true, true) => None,
            };
            let ready = self.poll.wait(timeout)?;
            if ready.is_empty() {
                self.do_chores();
            }
            // However busy the others are.
            if !self.stalled.is_empty() && tried.elapsed() >= RETRY {
                self.retry_stalled();
                tried = Instant::now();
            }
            for (token, flags) in ready {
                self.dispatch(token, flags);
            }
            self.recycle();
            self.compress_next();
        }
        self.do_chores();
        self.cgroups.unreserve_all(None);
        Ok(())
    }

    fn dispatch(&mut self, token: Token, flags: EventFlags) {
        match token {
            Token::Listener => self.accept(),
            Token::Connection(key) => self.on_connection(key, flags),
            Token::Exit(key) => self.on_exit(key),
            Token::Output(key, stream) => self.on_output(key, stream, flags),
            Token::Console(key) => self.on_console(key),
            Token::Client(key) => self.on_client(key, flags),
            Token::Command(key) => self.on_command(key),
            Token::Compression => self.on_compressed(),
        }
    }

    /// No event is left that could name what is gone.
    fn recycle(&mut self) {
        self.connections.recycle();
        self.commands.recycle();
        self.tasks.recycle();
        self.clients.recycle();
    }

    /// Tells every daemon.
    fn announce(&mut self, event: &Event) {
        for key in self.connections.keys() {
            self.tell(key, event);
        }
    }
}

/// Says on standard error what nobody asked for: in the background, that is the keeper's log.
pub(crate) fn complain(what: &str) {
    use std::io::Write;
    // There is nobody else to tell.
    let _ = writeln!(io::stderr(), "teu keeper: {what}");
}
