//! The link to the keeper: calls as futures, events as a channel, and a new keeper when the old one is gone.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use teu_keeper::protocol::{Event, FailureKind, Request, VERSION};
use teu_keeper::{Cure, Keeper, Listed};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Answer, Processes};
use crate::Error;

/// How long a new keeper may take. Starting one takes some 10 ms.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the keeper is asked whether it is well, and how long it may take to say so.
const PULSE: Duration = Duration::from_secs(5);

/// How often it is tried to bring a keeper to this version.
const UPGRADES: u32 = 12;

/// How often a keeper that dies while it is connected to is replaced before the engine gives up.
const ATTEMPTS: u32 = 5;

/// What the link tells the engine.
#[derive(Debug)]
pub(crate) enum Notice {
    /// The keeper reported something.
    Event(Event),
    /// A new keeper took over, that of this epoch; the engine has to give it what it holds.
    Replaced(u64),
}

/// The link.
pub(crate) struct Link {
    exec_root: PathBuf,
    exe: PathBuf,
    current: RwLock<Current>,
    /// Counts keepers, for those who wait for the next.
    epoch: watch::Sender<u64>,
    notices: mpsc::UnboundedSender<Notice>,
}

/// The keeper, and the how-manieth it is.
#[derive(Clone)]
struct Current {
    epoch: u64,
    keeper: Keeper,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("exec_root", &self.exec_root)
            .field("epoch", &*self.epoch.borrow())
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Finds or starts the keeper. What it says arrives at the receiver.
    pub(crate) fn open(
        exec_root: PathBuf,
        exe: PathBuf,
    ) -> Result<(Arc<Link>, mpsc::UnboundedReceiver<Notice>), Error> {
        let (notices, inbox) = mpsc::unbounded_channel();
        let (raw, raw_inbox) = mpsc::unbounded_channel();
        let current = Current { epoch: 0, keeper: connect_patiently(&exec_root, &exe, &raw)? };
        let epoch = watch::Sender::new(current.epoch);
        let link = Arc::new(Link { exec_root, exe, current: RwLock::new(current), epoch, notices });
        tokio::spawn(supervise(Arc::clone(&link), raw, raw_inbox));
        tokio::spawn(watch(Arc::downgrade(&link)));
        tokio::spawn(bring_up_to_date(Arc::downgrade(&link)));
        Ok((link, inbox))
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keeper(&self) -> Keeper {
        self.current().keeper
    }

    /// Puts the next keeper in the place of the last. Returns its number.
    fn replace(&self, keeper: Keeper) -> u64 {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Current { epoch: current.epoch + 1, keeper };
        self.epoch.send_replace(current.epoch);
        current.epoch
    }
}

fn connect(
    exec_root: &std::path::Path,
    exe: &std::path::Path,
    raw: mpsc::UnboundedSender<Event>,
) -> Result<Keeper, Error> {
    // Nobody listens any more only when the engine is gone.
    Keeper::ensure(exec_root, exe, move |event| drop(raw.send(event))).map_err(Error::from)
}

/// Connects, also if the keeper dies while it is spoken to: the next attempt starts another.
fn connect_patiently(
    exec_root: &std::path::Path,
    exe: &std::path::Path,
    raw: &mpsc::UnboundedSender<Event>,
) -> Result<Keeper, Error> {
    let mut attempt = 1;
    loop {
        match connect(exec_root, exe, raw.clone()) {
            Err(error) if attempt < ATTEMPTS => tracing::warn!(%error, attempt, "no keeper yet"),
            other => return other,
        }
        attempt += 1;
    }
}

/// Lets a keeper that an earlier version of the executable started execute this one. Its containers do not notice.
async fn bring_up_to_date(link: Weak<Link>) {
    for attempt in 1..=UPGRADES {
        let Some((keeper, exe)) = link.upgrade().map(|link| (link.keeper(), link.exe.clone())) else { return };
        let upgrade = move || match keeper.runs(&exe) {
            Ok(Some(false)) => keeper.call_blocking(Request::Upgrade { exe }, Vec::new()).map(|_| true),
            Ok(_) => Ok(false),
            Err(source) => Err(teu_keeper::Error::Io { action: "comparing executables".to_owned(), source }),
        };
        match tokio::task::spawn_blocking(upgrade).await {
            Ok(Ok(true)) => return tracing::info!("the keeper executes this version"),
            Ok(Ok(false)) => return,
            // Whatever keeps it from doing so now, such as another runtime's start, may be over soon.
            Ok(Err(error)) => tracing::warn!(%error, attempt, "the keeper is still of another version"),
            Err(error) => return tracing::error!(%error, "the keeper's version is not known"),
        }
        tokio::time::sleep(PULSE).await;
    }
}

/// Notices a keeper that lives and does not answer.
async fn watch(link: Weak<Link>) {
    loop {
        tokio::time::sleep(PULSE).await;
        let Some(keeper) = link.upgrade().map(|link| link.keeper()) else { return };
        let asked = keeper.clone();
        // Sending may have to wait as well.
        let hello = move || asked.call_blocking(Request::Hello { version: VERSION }, Vec::new()).map(drop);
        let mut answer = tokio::task::spawn_blocking(hello);
        let mut silent = PULSE;
        // Its end is noticed elsewhere.
        while tokio::time::timeout(PULSE, &mut answer).await.is_err() {
            match keeper.cure(silent) {
                Some(Cure::Continued) => tracing::warn!("the keeper was stopped by a signal; it goes on"),
                Some(Cure::Killed) => tracing::error!(?silent, "the keeper hangs and was killed"),
                None => tracing::warn!(?silent, "the keeper does not answer"),
            }
            silent += PULSE;
        }
    }
}

/// Passes events on, and gets a new keeper when the connection ends.
async fn supervise(link: Arc<Link>, raw: mpsc::UnboundedSender<Event>, mut inbox: mpsc::UnboundedReceiver<Event>) {
    while let Some(event) = inbox.recv().await {
        let notice = if matches!(event, Event::KeeperGone) {
            tracing::warn!("the keeper is gone; starting another");
            Notice::Replaced(reconnect(&link, &raw).await)
        } else {
            Notice::Event(event)
        };
        if link.notices.send(notice).is_err() {
            return;
        }
    }
}

/// Tries until it succeeds: without a keeper nothing works, and nothing else can bring it back.
async fn reconnect(link: &Arc<Link>, raw: &mpsc::UnboundedSender<Event>) -> u64 {
    let mut pause = Duration::from_millis(10);
    loop {
        let (exec_root, exe, raw) = (link.exec_root.clone(), link.exe.clone(), raw.clone());
        let attempt = tokio::task::spawn_blocking(move || connect(&exec_root, &exe, raw)).await;
        match attempt {
            Ok(Ok(keeper)) => return link.replace(keeper),
            Ok(Err(error)) => tracing::error!(%error, "no keeper could be started"),
            Err(error) => tracing::error!(%error, "no keeper could be started"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

fn call(keeper: &Keeper, request: Request, fds: Vec<OwnedFd>) -> BoxFuture<'static, Answer> {
    let (done, answer) = oneshot::channel();
    // The caller may have given up.
    keeper.call(request, fds, move |outcome| drop(done.send(outcome)));
    async move { answer.await.unwrap_or(Err(teu_keeper::Error::Gone)) }.boxed()
}

impl Processes for Link {
    fn call(&self, request: Request, fds: Vec<OwnedFd>) -> BoxFuture<'static, Answer> {
        call(&self.keeper(), request, fds)
    }

    fn call_at(&self, epoch: u64, request: Request, fds: Vec<OwnedFd>) -> BoxFuture<'static, Answer> {
        let current = self.current();
        if current.epoch != epoch {
            return std::future::ready(Err(teu_keeper::Error::Gone)).boxed();
        }
        call(&current.keeper, request, fds)
    }

    fn list(&self) -> BoxFuture<'static, Result<Vec<Listed>, teu_keeper::Error>> {
        let keeper = self.keeper();
        async move {
            let task = tokio::task::spawn_blocking(move || keeper.list());
            task.await.unwrap_or(Err(teu_keeper::Error::Gone))
        }
        .boxed()
    }

    fn epoch(&self) -> u64 {
        self.current().epoch
    }

    fn renewed(&self, epoch: u64) -> BoxFuture<'static, Result<(), Error>> {
        let mut current = self.epoch.subscribe();
        async move {
            let newer = current.wait_for(|current| *current > epoch);
            match tokio::time::timeout(PATIENCE, newer).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(_)) => Err(Error::ShuttingDown),
                Err(_) => Err(Error::Unavailable("the keeper is gone and no other could be started".to_owned())),
            }
        }
        .boxed()
    }
}

impl From<teu_keeper::Error> for Error {
    fn from(error: teu_keeper::Error) -> Error {
        match error {
            teu_keeper::Error::Gone => Error::KeeperLost,
            // The keeper knew of a change first: the process has ended, or was frozen.
            teu_keeper::Error::Refused(failure) if failure.kind == FailureKind::Conflict => {
                Error::Conflict(failure.message)
            }
            error => Error::Part { part: "keeper", message: super::chain(&error) },
        }
    }
}
