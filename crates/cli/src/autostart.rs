//! Starts an engine when none answers on the default socket.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use teu_api::client::Endpoint;

use crate::error::{Error, reason};

/// First argument of a process that is to become the engine.
pub(crate) const ROLE: &str = "__engine";
/// Where an engine started here writes its messages.
const LOG: &str = "/var/log/teu/daemon.log";
/// How long an engine may take to answer.
const LIMIT: Duration = Duration::from_secs(20);
/// A socket exists a moment before its owner listens, and no event tells of that moment.
const BETWEEN_BIND_AND_LISTEN: Duration = Duration::from_millis(2);

/// Makes sure that an engine answers at the default endpoint; starts one where the user may.
pub(crate) fn ensure(endpoint: &Endpoint, say: impl Fn(&str)) -> Result<(), Error> {
    let Endpoint::Unix(socket) = endpoint else { return Ok(()) };
    let error = match UnixStream::connect(socket) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let is_absent = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
    if !is_absent {
        return Err(refused(socket, &error));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Error::message(format!(
            "Cannot connect to the engine at unix://{}: {}\n\
             Start it with 'sudo teu daemon', or name another one with --host or DOCKER_HOST.",
            socket.display(),
            reason(&error)
        )));
    }
    start(socket, say).map_err(|error| Error::message(format!("cannot start the engine: {}", reason(&error))))
}

fn refused(socket: &Path, error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "\nMembers of the socket's group may use it: run as root, or join the group."
        }
        _ => "",
    };
    Error::message(format!("Cannot connect to the engine at unix://{}: {}{hint}", socket.display(), reason(error)))
}

fn start(socket: &Path, say: impl Fn(&str)) -> io::Result<()> {
    let directory = socket.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    // Watched before the engine starts, so that its socket cannot appear unseen.
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
    inotify::add_watch(&watch, directory, inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO)?;
    say(&format!("Starting the engine in the background (its messages go to {LOG})"));
    let mut child = spawn()?;
    wait(socket, &watch, &mut child)
}

fn spawn() -> io::Result<Child> {
    let log = open_log()?;
    Command::new("/proc/self/exe")
        .arg0("teu")
        .args([ROLE, "daemon"])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir("/")
        .spawn()
}

fn open_log() -> io::Result<File> {
    let path = Path::new(LOG);
    DirBuilder::new().recursive(true).mode(0o750).create(path.parent().unwrap_or(Path::new("/")))?;
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

/// Waits until the socket answers, the child is gone, or the time is up.
fn wait(socket: &Path, watch: &rustix::fd::OwnedFd, child: &mut Child) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?;
    let deadline = Instant::now() + LIMIT;
    loop {
        let pause = match UnixStream::connect(socket) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => BETWEEN_BIND_AND_LISTEN,
            Err(_) => deadline.saturating_duration_since(Instant::now()),
        };
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("it ended with {status}; its last words are in {LOG}")));
        }
        if Instant::now() >= deadline {
            return Err(io::Error::other(format!("it does not answer after {} s; see {LOG}", LIMIT.as_secs())));
        }
        let mut fds = [PollFd::new(watch, PollFlags::IN), PollFd::new(&pidfd, PollFlags::IN)];
        let pause = Timespec::try_from(pause).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        poll(&mut fds, Some(&pause))?;
        // What happened does not matter, only that something did.
        let mut events = [0u8; 4096];
        while rustix::io::read(watch, &mut events).is_ok_and(|count| count > 0) {}
    }
}

/// Leaves the caller's session, then runs this program again as the engine.
pub(crate) fn become_engine(args: &[String]) -> ExitCode {
    // Fails only for a process that leads a session already, which is what is wanted.
    let _ = rustix::process::setsid();
    let error = Command::new("/proc/self/exe").arg0("teu").args(args).exec();
    let _ = io::Write::write_all(&mut io::stderr(), format!("cannot run the engine: {error}\n").as_bytes());
    ExitCode::from(126)
}
