//! All execs, and what becomes of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use teu_api::exec::CreateRequest;
use teu_keeper::protocol::{AdoptRequest, ExitRecord, Health, ProcessRef, Request};
use teu_keeper::{Descriptors, Listed};
use tokio::sync::watch;

use crate::container::{Handle, unknown_exit};
use crate::{Engine, Error};

/// How long an exec that has ended can be inspected.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

/// Where an exec stands.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    Created,
    /// Its start is under way. It may have ended already: that is kept here until its client is hooked up, since the
    /// keeper forgets an exec with its output once it is told that the end is known.
    Starting {
        ended: Option<ExitRecord>,
    },
    Running {
        pid: i32,
        /// By a clock that nobody sets.
        begun: Instant,
        descriptors: Arc<Descriptors>,
    },
    Exited {
        code: i32,
        pid: i32,
        at: Timestamp,
    },
}

/// An exec.
#[derive(Debug)]
pub(crate) struct Exec {
    pub(super) id: String,
    pub(super) container: Arc<Handle>,
    pub(super) request: CreateRequest,
    phase: Mutex<Phase>,
    /// Whether it has ended.
    over: watch::Sender<bool>,
}

impl Exec {
    pub(super) fn new(id: String, container: Arc<Handle>, request: CreateRequest) -> Exec {
        Exec { id, container, request, phase: Mutex::new(Phase::Created), over: watch::Sender::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn phase(&self) -> Phase {
        self.lock().clone()
    }

    /// Takes the right to start it.
    pub(super) fn claim(&self) -> Result<(), Error> {
        let mut phase = self.lock();
        match *phase {
            Phase::Created => {
                *phase = Phase::Starting { ended: None };
                Ok(())
            }
            Phase::Starting { .. } | Phase::Running { .. } => {
                Err(Error::Conflict(format!("Error: Exec command {} is already running", self.id)))
            }
            Phase::Exited { .. } => Err(Error::Conflict(format!("Error: Exec command {} has already run", self.id))),
        }
    }

    /// It runs. Returns its end if that was reported before its start.
    fn started(&self, pid: i32, descriptors: Descriptors) -> Option<ExitRecord> {
        let mut phase = self.lock();
        let ended = match *phase {
            Phase::Exited { .. } => return None,
            Phase::Starting { ended } => ended,
            Phase::Created | Phase::Running { .. } => None,
        };
        *phase = Phase::Running { pid, begun: Instant::now(), descriptors: Arc::new(descriptors) };
        ended
    }

    /// Keeps its end for [`Exec::started`] if it is being started.
    fn ended_early(&self, record: ExitRecord) -> bool {
        match &mut *self.lock() {
            Phase::Starting { ended } => {
                *ended = Some(record);
                true
            }
            _ => false,
        }
    }

    /// It has ended; whether that was news.
    pub(super) fn ended(&self, code: i32, at: Timestamp) -> bool {
        let mut phase = self.lock();
        let pid = match *phase {
            Phase::Running { pid, .. } => pid,
            Phase::Exited { .. } => return false,
            Phase::Created | Phase::Starting { .. } => 0,
        };
        *phase = Phase::Exited { code, pid, at };
        self.over.send_replace(true);
        true
    }

    /// How it ended; 255 if that is not known.
    pub(super) fn exit_code(&self) -> i32 {
        match *self.lock() {
            Phase::Exited { code, .. } => code,
            _ => 255,
        }
    }

    /// Resolves when it has ended and its exit code is known.
    pub(super) async fn is_over(self: Arc<Self>) {
        let mut over = self.over.subscribe();
        // The sender lives as long as the exec.
        drop(over.wait_for(|over| *over).await);
    }

    /// Lets go of standard input.
    pub(super) fn close_stdin(&self) {
        let mut phase = self.lock();
        if let Phase::Running { descriptors, .. } = &mut *phase
            && let Ok((roles, fds)) = descriptors.duplicate()
        {
            let mut own = Descriptors::collect(&roles, &mut fds.into_iter());
            own.stdin = None;
            *descriptors = Arc::new(own);
        }
    }

    pub(super) fn process(&self) -> ProcessRef {
        ProcessRef::exec(&self.container.id, &self.id)
    }

    /// Program, space, arguments: as events show them.
    pub(super) fn line(&self) -> String {
        match self.request.cmd.as_deref().unwrap_or(&[]) {
            [] => String::new(),
            [program, arguments @ ..] => format!("{program} {}", arguments.join(" ")),
        }
    }
}

/// All execs.
#[derive(Debug, Default)]
pub(crate) struct Execs(Mutex<HashMap<String, Arc<Exec>>>);

impl Execs {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Exec>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one, and forgets those that ended long ago.
    pub(super) fn add(&self, exec: Arc<Exec>) {
        let now = Timestamp::now();
        let mut all = self.lock();
        all.retain(|_, old| match *old.lock() {
            Phase::Exited { at, .. } => now.duration_since(at) < REMEMBERED,
            _ => true,
        });
        all.insert(exec.id.clone(), exec);
    }

    pub(super) fn find(&self, id: &str) -> Result<Arc<Exec>, Error> {
        self.lock().get(id).cloned().ok_or_else(|| Error::NoSuchExec(id.to_owned()))
    }

    /// Ids of those in a container that have not ended; none if there are none.
    pub(crate) fn running_in(&self, container: &str) -> Option<Vec<String>> {
        let all = self.lock();
        let here = all.values().filter(|e| e.container.id == container && !matches!(*e.lock(), Phase::Exited { .. }));
        let mut ids: Vec<String> = here.map(|e| e.id.clone()).collect();
        ids.sort();
        (!ids.is_empty()).then_some(ids)
    }

    /// Forgets one that nobody can ask for any more.
    pub(super) fn forget_exec(&self, id: &str) {
        self.lock().remove(id);
    }

    /// Forgets those of a container that is gone.
    pub(crate) fn forget(&self, container: &str) {
        self.lock().retain(|_, exec| exec.container.id != container);
    }

    /// Takes back one that an engine before this one started.
    fn revive(&self, exec: Arc<Exec>) {
        self.lock().insert(exec.id.clone(), exec);
    }

    fn all(&self) -> Vec<Arc<Exec>> {
        self.lock().values().cloned().collect()
    }
}

impl Engine {
    /// The keeper reports that an exec has ended.
    pub(crate) fn exec_exited(&self, process: ProcessRef, record: ExitRecord) {
        let found = process.exec.as_deref().and_then(|id| self.execs().find(id).ok());
        if let Some(exec) = found {
            if exec.ended_early(record) {
                return;
            }
            let code = record.status.code().unwrap_or(255);
            if exec.ended(code, record.at) {
                let more = [("execID", exec.id.clone()), ("exitCode", code.to_string())];
                self.container_event(&exec.container.view().definition, "exec_die", &more);
            }
        }
        self.acknowledge_exit(process);
    }

    /// An exec runs, and its client is hooked up.
    pub(super) fn exec_started(&self, exec: &Exec, pid: i32, descriptors: Descriptors) {
        if let Some(record) = exec.started(pid, descriptors) {
            self.exec_exited(exec.process(), record);
        }
    }

    /// Takes back execs that an engine before this one started and the keeper knows.
    pub(crate) async fn revive_execs(&self, listed: Vec<Listed>, epoch: u64) {
        for Listed { state, fds } in listed {
            let process = state.process;
            let request = state.note.as_deref().and_then(|note| serde_json::from_str(note).ok());
            let container = self.containers().get(&process.container);
            let (Some(id), Some(request), Some(container)) = (process.exec.clone(), request, container) else {
                if let Health::Exited(_) = state.health {
                    self.acknowledge_exit(process);
                }
                continue;
            };
            let exec = Arc::new(Exec::new(id, container, request));
            self.exec_started(&exec, state.pid, fds);
            self.execs().revive(exec);
            match state.health {
                Health::Exited(record) => self.exec_exited(process, record),
                // Its clients went with the engine before: nobody else is to be waited for.
                Health::Running | Health::Orphaned => self.settle_exec(process, epoch).await,
            }
        }
    }

    /// Tells the keeper of `epoch` that nothing is held here of an exec that it has taken over. If it dies, its successor is
    /// told as all are.
    pub(super) async fn settle_exec(&self, process: ProcessRef, epoch: u64) {
        let request = Request::Adopt(AdoptRequest { process: process.clone(), fds: Vec::new() });
        if let Err(error) = self.processes().call_at(epoch, request, Vec::new()).await {
            tracing::warn!(%process, %error, "an exec could not be taken over");
        }
    }

    /// Gives the keeper of `epoch` the descriptors of running execs; those it did not know when it was `asked` have ended.
    pub(crate) async fn adopt_execs(&self, listed: Vec<Listed>, asked: Instant, epoch: u64) {
        for Listed { state, .. } in &listed {
            // Its end was known before, or nobody wants to know.
            let known = state.process.exec.as_deref().and_then(|id| self.execs().find(id).ok());
            let over = known.as_ref().is_none_or(|exec| matches!(exec.phase(), Phase::Exited { .. }));
            match state.health {
                Health::Exited(_) if over => self.acknowledge_exit(state.process.clone()),
                Health::Exited(record) => self.exec_exited(state.process.clone(), record),
                Health::Running | Health::Orphaned => {}
            }
        }
        for exec in self.execs().all() {
            let Phase::Running { descriptors, begun, .. } = exec.phase() else { continue };
            if begun >= asked {
                continue;
            }
            let process = exec.process();
            if !listed.iter().any(|l| l.state.process == process) {
                self.exec_exited(process, unknown_exit());
                continue;
            }
            let adopted = match descriptors.duplicate() {
                Ok((fds, descriptors)) => {
                    let request = Request::Adopt(AdoptRequest { process, fds });
                    self.processes().call_at(epoch, request, descriptors).await.map(drop).map_err(Error::from)
                }
                Err(source) => Err(Error::File { path: "descriptors".into(), source }),
            };
            if let Err(error) = adopted {
                tracing::error!(exec = exec.id, %error, "an exec could not be given to the new keeper");
            }
        }
    }
}
