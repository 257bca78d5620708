//! Attending to a process until it ends: signals are passed on, a terminal is relayed.

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use teu_sys::pidfd::{self, ExitStatus};
use teu_sys::pty;
use teu_sys::signal::SignalFd;
use teu_sys::thread::spawn_elsewhere;

use crate::Running;

/// `SIGCHLD`, `SIGURG` and `SIGWINCH` of `signal(7)`: for us, not for the container. Go programs use `SIGURG` inside.
const CHLD: i32 = 17;
const URG: i32 = 23;
const WINCH: i32 = 28;

/// Attends to a process, and reaps it. Its mount namespace, if given, is let go of at its end.
pub(super) fn attend(mut running: Running, mounts: Option<OwnedFd>) -> Result<ExitStatus> {
    let signals = SignalFd::all().context("block signals")?;
    // Threads begin with the signals that are blocked.
    if let (Some(mounts), Ok(pidfd)) = (mounts, running.pidfd().try_clone_to_owned()) {
        // Without a thread the process's own end takes its mounts down: that takes a little longer.
        let _ = spawn_elsewhere("unmount", move || let_go_at_end(&pidfd, mounts));
    }
    let console = running.take_console().map(Relay::begin).transpose()?;
    loop {
        if let Some(status) = pidfd::try_wait(running.pidfd()).context("wait for the process")? {
            if let Some(mut console) = console {
                console.drain();
            }
            return Ok(status);
        }
        let pidfd = running.pidfd();
        let mut fds = vec![PollFd::new(&pidfd, PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
        if let Some(console) = &console {
            fds.extend(console.poll_fds());
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e).context("wait for the process"),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        while let Some(signal) = signals.next().context("read signals")? {
            match (signal, &console) {
                (WINCH, Some(console)) => console.resize(),
                (CHLD | URG, _) => {}
                // It may have ended just now.
                (signal, _) => drop(pidfd::send_signal(running.pidfd(), signal)),
            }
        }
        if let Some(console) = &console {
            console.relay(ready[2], ready[3]);
        }
    }
}

/// Waits until a process has ended, beside whoever removes the rest of its container, and lets go of its mounts.
fn let_go_at_end(pidfd: &OwnedFd, mounts: OwnedFd) {
    while let Err(Errno::INTR) = poll(&mut [PollFd::new(pidfd, PollFlags::IN)], None) {}
    drop(mounts);
}

/// The exit code for a status, as shells have it.
pub(super) fn exit_code(status: Option<ExitStatus>) -> ExitCode {
    ExitCode::from(status.map_or(0, |s| u8::try_from(s.code() & 0xff).unwrap_or(u8::MAX)))
}

/// Relays between our terminal and that of a container.
struct Relay {
    master: OwnedFd,
    /// Our terminal's settings, to be restored.
    saved: Option<Termios>,
}

impl Relay {
    fn begin(master: OwnedFd) -> Result<Relay> {
        let stdin = rustix::stdio::stdin();
        let mut saved = None;
        if isatty(stdin) {
            let settings = tcgetattr(stdin).context("read the terminal's settings")?;
            let mut raw = settings.clone();
            raw.make_raw();
            tcsetattr(stdin, OptionalActions::Now, &raw).context("set the terminal's settings")?;
            saved = Some(settings);
        }
        let relay = Relay { master, saved };
        relay.resize();
        Ok(relay)
    }

    fn poll_fds(&self) -> [PollFd<'_>; 2] {
        [PollFd::new(&self.master, PollFlags::IN), PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN)]
    }

    /// Gives the container's terminal the size of ours.
    fn resize(&self) {
        if let Ok((rows, columns)) = pty::size(rustix::stdio::stdin()) {
            // Without its size a terminal still works.
            let _ = pty::set_size(self.master.as_fd(), rows, columns);
        }
    }

    fn relay(&self, output: bool, input: bool) {
        if output {
            copy(self.master.as_fd(), rustix::stdio::stdout());
        }
        if input && copy(rustix::stdio::stdin(), self.master.as_fd()) == Some(0) {
            // The end of the input: what a user types for it.
            let _ = rustix::io::write(&self.master, &[4]);
        }
    }

    /// Copies what is left of the output.
    fn drain(&mut self) {
        while copy(self.master.as_fd(), rustix::stdio::stdout()).is_some_and(|n| n > 0) {}
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(settings) = &self.saved {
            // The terminal may be gone.
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, settings);
        }
    }
}

/// Copies once. `None` if the source cannot be read (the other side of a terminal is closed).
fn copy(from: impl AsFd, to: impl AsFd) -> Option<usize> {
    let mut buffer = [0u8; 16 * 1024];
    let length = rustix::io::read(from, &mut buffer).ok()?;
    let mut written = 0;
    while written < length {
        match rustix::io::write(&to, &buffer[written..length]) {
            Ok(n) => written += n,
            Err(Errno::INTR | Errno::AGAIN) => {}
            // Nobody reads it.
            Err(_) => return Some(length),
        }
    }
    Some(length)
}
