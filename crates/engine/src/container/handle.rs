//! What everybody but its actor sees of a container: a snapshot, and a way to ask for something.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use teu_keeper::Descriptors;
use teu_network::Endpoint;
use tokio::sync::{mpsc, oneshot, watch};

use super::actor::{Command, Inbox};
use super::definition::Definition;
use super::state::State;
use crate::Error;
use crate::health::Health;

/// How long a request may wait for a container's actor. It is long enough for the slowest start, and short enough
/// that a container stuck in the kernel does not keep a client for good.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long it may take until an end is known that the keeper knows, a keeper's death included.
const END: Duration = Duration::from_secs(10);

/// A container at one moment. Readers share it; nobody waits for anything to get it.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) definition: Arc<Definition>,
    pub(crate) state: State,
    /// Its places in networks while it runs, in the order in which it joined them.
    pub(crate) endpoints: Arc<[Endpoint]>,
    /// What its health checks have found, once it has run with one.
    pub(crate) health: Option<Arc<Health>>,
    /// When this engine started its current or last run, by a clock that nobody sets.
    pub(crate) begun: Option<Instant>,
    /// How many times it has ended since the engine came up.
    pub(crate) exits: u64,
    /// It is gone.
    pub(crate) removed: bool,
    /// So is what is removed with it.
    pub(crate) cleared: bool,
}

/// A handle on a container.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) id: String,
    view: watch::Sender<Arc<View>>,
    inbox: mpsc::UnboundedSender<Box<Command>>,
    /// The current run's descriptors: stdio stays open while the engine holds them.
    descriptors: Mutex<Option<Arc<Descriptors>>>,
}

impl Handle {
    /// A handle and the actor's end of its inbox.
    pub(crate) fn new(view: View) -> (Arc<Handle>, Inbox) {
        let (inbox, receiver) = mpsc::unbounded_channel();
        let id = view.definition.id.clone();
        let view = watch::Sender::new(Arc::new(view));
        (Arc::new(Handle { id, view, inbox, descriptors: Mutex::new(None) }), receiver)
    }

    /// The container now.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// The container now and from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<View>> {
        self.view.subscribe()
    }

    /// Publishes a new snapshot. Only the actor does.
    pub(crate) fn publish(&self, change: impl FnOnce(&mut View)) -> Arc<View> {
        let mut next = View::clone(&self.view.borrow());
        change(&mut next);
        let next = Arc::new(next);
        self.view.send_replace(Arc::clone(&next));
        next
    }

    /// Asks the actor for something and waits for its answer.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Command,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let exits = self.view().exits;
        self.tell(command(reply));
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(Err(error @ Error::NotRunning(_)))) => {
                self.wait_for_end(exits).await;
                Err(error)
            }
            Ok(Ok(result)) => result,
            // The actor ends with its container.
            Ok(Err(_)) => Err(Error::NoSuchContainer(self.id.clone())),
            Err(_) => Err(Error::Unavailable(format!("container {} does not react", self.id))),
        }
    }

    /// Waits until an end is known that others, as the keeper, know of a moment earlier, after so many: whoever is told of it does not
    /// see the container run afterwards.
    pub(crate) async fn wait_for_end(&self, exits: u64) {
        self.wait_for(END, |view| view.exits > exits || !view.state.is_up()).await;
    }

    /// Tells the actor something.
    pub(crate) fn tell(&self, command: Command) {
        if self.inbox.send(Box::new(command)).is_err() {
            tracing::debug!(container = self.id, "a message came after the container's end");
        }
    }

    /// The current run's descriptors.
    pub(crate) fn descriptors(&self) -> Option<Arc<Descriptors>> {
        self.descriptors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over (or lets go of) a run's descriptors.
    pub(crate) fn hold(&self, descriptors: Option<Descriptors>) {
        *self.descriptors.lock().unwrap_or_else(PoisonError::into_inner) = descriptors.map(Arc::new);
    }

    /// Closes this side's end of standard input.
    pub(crate) fn close_stdin(&self) {
        let mut held = self.descriptors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = held.take() {
            // Writers may share the descriptors for a moment; a duplicate without standard input is as good.
            let mut next = match Arc::try_unwrap(current) {
                Ok(own) => own,
                Err(shared) => match duplicate(&shared) {
                    Ok(copy) => copy,
                    Err(error) => {
                        tracing::warn!(container = self.id, %error, "standard input stays open");
                        *held = Some(shared);
                        return;
                    }
                },
            };
            next.stdin = None;
            *held = Some(Arc::new(next));
        }
    }

    /// Waits until the container fulfils `condition` or is gone, at most `limit`.
    pub(crate) async fn wait_for(&self, limit: Duration, condition: impl Fn(&View) -> bool) -> bool {
        let mut watch = self.watch();
        let reached = watch.wait_for(|view| view.removed || condition(view));
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }
}

fn duplicate(descriptors: &Descriptors) -> std::io::Result<Descriptors> {
    let (roles, fds) = descriptors.duplicate()?;
    Ok(Descriptors::collect(&roles, &mut fds.into_iter()))
}
