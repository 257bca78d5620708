//! The terminal: a screen of its own while this lasts, and as it was before after that, whatever happens.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Stdout, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::thread::JoinHandle;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::{Frame, Terminal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::terminal::raw::RawMode;

/// Most bytes read at once: more than anybody types.
const CHUNK: usize = 1024;

/// The screen. Dropping it puts the terminal back.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    raw: Option<RawMode>,
    input: Option<Input>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter() -> Result<Self, Error> {
        restore_on_panic();
        let raw = RawMode::enter()?;
        // From here on it is put back.
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        let mut screen = Self { terminal, raw, input: None };
        screen.show()?;
        Ok(screen)
    }

    /// Draws a picture.
    pub(super) fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> Result<(), Error> {
        self.terminal.draw(picture)?;
        Ok(())
    }

    /// Gives the terminal to `other` for a while.
    pub(super) async fn lend<T>(&mut self, other: impl Future<Output = T>) -> Result<T, Error> {
        self.leave();
        let result = other.await;
        self.come_back()?;
        Ok(result)
    }

    /// Stops this program until it is continued, as Ctrl-Z does, with the terminal as it was.
    pub(super) fn suspend(&mut self) -> Result<(), Error> {
        self.leave();
        // SIGTSTP is caught; this one cannot be. The shell that continues us finds us here.
        let stopped = kill_process(getpid(), Signal::STOP);
        self.come_back()?;
        Ok(stopped.map_err(io::Error::from)?)
    }

    /// The next that is typed; an error when the terminal is gone.
    pub(super) async fn typed(&mut self) -> Result<Vec<u8>, Error> {
        let typed = match &mut self.input {
            Some(input) => input.typed.recv().await,
            None => None,
        };
        typed.ok_or_else(|| Error::message("the terminal is gone"))
    }

    fn come_back(&mut self) -> Result<(), Error> {
        self.raw = RawMode::enter()?;
        self.show()
    }

    fn show(&mut self) -> Result<(), Error> {
        execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All))?;
        // A new one draws all of the next picture. Its own way to that asks the terminal where the cursor is, and the answer
        // would be taken for what the user types.
        self.terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        self.input = Some(Input::open()?);
        Ok(())
    }

    fn leave(&mut self) {
        self.input = None;
        leave_screen();
        self.raw = None;
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Shows what was there before. A terminal that is gone cannot be restored.
fn leave_screen() {
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
}

/// A panic is told where it can be read. Unwinding then drops the screen.
fn restore_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        leave_screen();
        // Messages begin at the left again.
        let _ = io::stdout().write_all(b"\r");
        before(info);
    }));
}

/// What is typed, read by a thread for as long as this lives: nothing is read ahead that belongs to a program that has the
/// terminal after that. The terminal is opened anew, so that nobody else's reads stop blocking.
struct Input {
    typed: mpsc::Receiver<Vec<u8>>,
    /// Closing it ends the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Input {
    fn open() -> io::Result<Self> {
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let terminal = OpenOptions::new().read(true).custom_flags(flags).open("/dev/tty")?;
        let (stopped, stop) = io::pipe()?;
        let (sender, typed) = mpsc::channel(1);
        let thread = std::thread::spawn(move || listen(terminal, &stopped, &sender));
        Ok(Self { typed, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.stop = None;
        // It may wait for somebody to take what was typed.
        self.typed.close();
        if let Some(thread) = self.thread.take() {
            // A panic there was told already.
            let _ = thread.join();
        }
    }
}

/// Passes on what is typed until told to stop, or until the terminal is gone.
fn listen(mut terminal: File, stopped: &PipeReader, sender: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = [0; CHUNK];
    loop {
        let mut ready = [PollFd::new(&terminal, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut ready, None) {
            Ok(_) if !ready[1].revents().is_empty() => return,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
        match terminal.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) if sender.blocking_send(buffer[..count].to_vec()).is_err() => return,
            Ok(_) => {}
            // Another reader was faster.
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            Err(_) => return,
        }
    }
}
