//! The link to the keeper: calls as futures, events as a channel, and a new keeper when the old one is gone.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use teu_keeper::protocol::{Event, Request};
use teu_keeper::{Keeper, Listed};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Answer, Processes};
use crate::Error;

/// How long a new keeper may take. Starting one takes some 10 ms.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a keeper that dies while it is connected to is replaced before the engine gives up.
const ATTEMPTS: u32 = 5;

/// What the link tells the engine.
#[derive(Debug)]
pub(crate) enum Notice {
    /// The keeper reported something.
    Event(Event),
    /// A new keeper took over; the engine has to give it what it holds.
    Replaced,
}

/// The link.
pub(crate) struct Link {
    exec_root: PathBuf,
    exe: PathBuf,
    current: RwLock<Keeper>,
    /// Counts keepers.
    epoch: watch::Sender<u64>,
    notices: mpsc::UnboundedSender<Notice>,
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
        let current = connect_patiently(&exec_root, &exe, &raw)?;
        let epoch = watch::Sender::new(0);
        let link = Arc::new(Link { exec_root, exe, current: RwLock::new(current), epoch, notices });
        tokio::spawn(supervise(Arc::clone(&link), raw, raw_inbox));
        Ok((link, inbox))
    }

    fn keeper(&self) -> Keeper {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
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

/// Passes events on, and gets a new keeper when the connection ends.
async fn supervise(link: Arc<Link>, raw: mpsc::UnboundedSender<Event>, mut inbox: mpsc::UnboundedReceiver<Event>) {
    while let Some(event) = inbox.recv().await {
        let notice = if matches!(event, Event::KeeperGone) {
            tracing::warn!("the keeper is gone; starting another");
            reconnect(&link, &raw).await;
            link.epoch.send_modify(|epoch| *epoch += 1);
            Notice::Replaced
        } else {
            Notice::Event(event)
        };
        if link.notices.send(notice).is_err() {
            return;
        }
    }
}

/// Tries until it succeeds: without a keeper nothing works, and nothing else can bring it back.
async fn reconnect(link: &Arc<Link>, raw: &mpsc::UnboundedSender<Event>) {
    let mut pause = Duration::from_millis(10);
    loop {
        let (exec_root, exe, raw) = (link.exec_root.clone(), link.exe.clone(), raw.clone());
        let attempt = tokio::task::spawn_blocking(move || connect(&exec_root, &exe, raw)).await;
        match attempt {
            Ok(Ok(keeper)) => {
                *link.current.write().unwrap_or_else(PoisonError::into_inner) = keeper;
                return;
            }
            Ok(Err(error)) => tracing::error!(%error, "no keeper could be started"),
            Err(error) => tracing::error!(%error, "no keeper could be started"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

impl Processes for Link {
    fn call(&self, request: Request, fds: Vec<OwnedFd>) -> BoxFuture<'static, Answer> {
        let (done, answer) = oneshot::channel();
        // The caller may have given up.
        self.keeper().call(request, fds, move |outcome| drop(done.send(outcome)));
        async move { answer.await.unwrap_or(Err(teu_keeper::Error::Gone)) }.boxed()
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
        *self.epoch.borrow()
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
            error => Error::Part { part: "keeper", message: super::chain(&error) },
        }
    }
}
