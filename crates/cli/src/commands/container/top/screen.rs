//! The live screen: what comes from the engine and what is typed, and when it is drawn.

use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::feed::{Feed, Update};
use super::input::{self, Outcome};
use super::keys::Keys;
use super::model::Model;
use super::tty::Screen;
use super::{action, view};
use crate::app::Cli;
use crate::error::Error;
use crate::terminal::signals::Caught;

/// Shortest time between two pictures: samples of many containers come at once.
const FRAME: Duration = Duration::from_millis(100);
/// Updates that may wait for the screen.
const WAITING: usize = 1024;

/// Shows the screen until the user leaves it.
pub(super) async fn run(cli: &Cli) -> Result<ExitCode, Error> {
    let client = cli.client()?.clone();
    let (sender, updates) = mpsc::channel(WAITING);
    let feed = Feed::open(client, sender).await?;
    let mut session = Session {
        model: Model::new(),
        feed,
        updates,
        keys: Keys::default(),
        fatal: Caught::fatal(),
        resized: signal(SignalKind::window_change())?,
        stopped: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
    };
    let mut screen = Screen::enter()?;
    let ended = session.show(cli, &mut screen).await;
    // Before anything is printed.
    drop(screen);
    ended
}

struct Session {
    model: Model,
    feed: Feed,
    updates: mpsc::Receiver<Update>,
    keys: Keys,
    fatal: Caught,
    resized: Signal,
    stopped: Signal,
}

impl Session {
    async fn show(&mut self, cli: &Cli, screen: &mut Screen) -> Result<ExitCode, Error> {
        let mut due = Instant::now();
        let mut changed = true;
        loop {
            self.feed.look_at(self.model.subject());
            tokio::select! {
                () = sleep_until(due), if changed => {
                    screen.draw(|frame| view::draw(&mut self.model, frame))?;
                    (changed, due) = (false, Instant::now() + FRAME);
                }
                Some(update) = self.updates.recv() => {
                    self.model.take(update);
                    changed = true;
                }
                typed = screen.typed() => {
                    // What is typed shows at once.
                    (changed, due) = (true, Instant::now());
                    for key in self.keys.decode(&typed?) {
                        match input::press(&mut self.model, key) {
                            Outcome::Seen => {}
                            Outcome::Leave => return Ok(ExitCode::SUCCESS),
                            Outcome::Suspend => screen.suspend()?,
                            Outcome::Act(action) => action::run(action, cli, screen, &mut self.model, &self.feed).await?,
                        }
                    }
                }
                (_, number) = self.fatal.next() => return Ok(ExitCode::from(128 + u8::try_from(number).unwrap_or(0))),
                _ = self.stopped.recv() => {
                    screen.suspend()?;
                    (changed, due) = (true, Instant::now());
                }
                _ = self.resized.recv() => (changed, due) = (true, Instant::now()),
            }
        }
    }
}
