//! What a container can be, as far as its one client can know: a set of states, most of the time with one member.

use super::plan::{Plan, Policy, Program};
use super::state::{Change, State};
use std::collections::BTreeSet;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// How many times, at least and at most, its policy has started it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Restarts(pub(super) u32, pub(super) u32);

impl Restarts {
    const NONE: Self = Self(0, 0);
    const ANY: Self = Self(0, u32::MAX);
}

/// The time of day as the logs of daemon and keeper have it.
fn clock() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, milliseconds) = (since.as_secs(), since.subsec_millis());
    let [hour, minute, second] = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60];
    format!("{hour:02}:{minute:02}:{second:02}.{milliseconds:03}")
}

/// A container and its past.
pub(super) struct Model {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) plan: Plan,
    pub(super) may: BTreeSet<State>,
    /// What it may have exited with.
    pub(super) codes: BTreeSet<i64>,
    pub(super) restarts: Restarts,
    /// The run may end at any time, by itself or by a signal under way.
    pub(super) dying: bool,
    /// The program was seen to react to signals.
    pub(super) ready: bool,
    /// It has been started once at most.
    pub(super) first_run: bool,
    /// A user has stopped it; none if that is not known.
    stopped: Option<bool>,
    started: bool,
    /// An engine has come up that starts it again, some time soon.
    reviving: bool,
    /// Deaths of daemons that are accounted for.
    pub(super) deaths: u64,
    calls: Vec<String>,
}

impl Model {
    pub(super) fn new(name: String, plan: Plan, deaths: u64) -> Self {
        Self {
            name,
            id: String::new(),
            plan,
            may: [State::Created].into(),
            codes: [0].into(),
            restarts: Restarts::NONE,
            dying: false,
            ready: false,
            first_run: true,
            stopped: Some(false),
            started: false,
            reviving: false,
            deaths,
            calls: Vec::new(),
        }
    }

    /// Remembers what was called and what came of it.
    pub(super) fn note(&mut self, call: impl fmt::Display) {
        const LAST: usize = 25;
        if self.calls.len() >= LAST {
            self.calls.remove(0);
        }
        self.calls.push(format!("{} {call}", clock()));
    }

    pub(super) fn is(&self, state: State) -> bool {
        self.may.len() == 1 && self.may.contains(&state)
    }

    /// What may have happened by itself up to now, `deaths` of daemons included.
    pub(super) fn pass(&mut self, deaths: u64) {
        // One end may follow from another.
        for _ in 0..3 {
            self.step(deaths);
        }
    }

    fn step(&mut self, deaths: u64) {
        if self.dying && self.may.iter().any(|state| state.is_up()) {
            self.end_run();
            // Its end thaws it: a keeper that takes over at that moment finds it so.
            self.may.insert(State::Running);
        }
        if self.plan.auto_remove && self.started && self.may.contains(&State::Exited) {
            self.may.insert(State::Gone);
        }
        if self.may.contains(&State::Restarting) {
            self.may.insert(State::Running);
        }
        if self.may.contains(&State::Running) && self.plan.policy != Policy::No && self.dying {
            self.may.insert(State::Restarting);
        }
        if deaths != self.deaths {
            self.note(if deaths.is_multiple_of(2) { "  a new daemon serves" } else { "  no daemon" });
            self.deaths = deaths;
            let revived = match self.plan.policy {
                Policy::Always => true,
                Policy::UnlessStopped => self.stopped != Some(true),
                Policy::No | Policy::OnFailure(_) => false,
            };
            self.reviving |= revived && self.started && self.may.contains(&State::Exited);
        }
        if self.reviving && self.may.contains(&State::Exited) {
            self.may.insert(State::Running);
            self.ready = false;
        }
    }

    /// A run ends, or may end: adds what follows.
    fn end_run(&mut self) {
        let again = self.stopped != Some(true) && self.plan.policy != Policy::No;
        if again {
            self.may.extend([State::Restarting, State::Running]);
            self.restarts = match self.plan.policy {
                Policy::OnFailure(most) => Restarts(self.restarts.0, most),
                _ => Restarts::ANY,
            };
        }
        let finishes = !again || self.stopped.is_none() || matches!(self.plan.policy, Policy::OnFailure(_));
        if finishes {
            self.may.insert(if self.plan.auto_remove { State::Gone } else { State::Exited });
            if self.plan.auto_remove {
                self.may.insert(State::Exited);
            }
        }
    }

    /// The process was killed behind the engine's back, which has been `told` of its end, or will be.
    pub(super) fn killed(&mut self, told: bool) {
        if !self.dying {
            self.codes.clear();
        }
        self.codes.insert(137);
        let Restarts(low, high) = self.restarts;
        (self.dying, self.ready, self.first_run) = (true, false, false);
        self.end_run();
        if matches!(self.plan.policy, Policy::Always | Policy::UnlessStopped) && self.stopped == Some(false) {
            self.dying = !told;
            self.restarts = Restarts(low + u32::from(told), high.saturating_add(1));
        }
    }

    /// Which answers a change can get now.
    pub(super) fn answers(&self, change: Change) -> BTreeSet<u16> {
        self.may.iter().map(|state| change.outcome(*state).0).collect()
    }

    /// A change was answered so.
    pub(super) fn changed(&mut self, change: Change, status: u16) {
        let outcomes = self.may.iter().map(|state| (*state, change.outcome(*state)));
        let fitting: Vec<(State, State)> =
            outcomes.filter(|(_, (code, _))| *code == status).map(|(from, (_, to))| (from, to)).collect();
        if status == 204 {
            self.effect(change, &fitting);
        }
        if change != Change::Start {
            let before = fitting.iter().map(|(from, _)| *from).collect();
            self.narrowed(&before);
        }
        self.may = fitting.into_iter().map(|(_, to)| to).collect();
        if self.plan.auto_remove && self.may.contains(&State::Exited) && self.started {
            self.may.insert(State::Gone);
        }
    }

    fn effect(&mut self, change: Change, fitting: &[(State, State)]) {
        let was_up = fitting.iter().any(|(from, _)| from.is_up());
        match change {
            Change::Start => self.starts(),
            Change::Restart => {
                self.starts();
            }
            Change::Stop | Change::Kill | Change::RemoveByForce if was_up => {
                self.stopped = Some(true);
                let paused = fitting.iter().any(|(from, _)| *from == State::Paused);
                self.codes = self.codes_after(change, paused);
                self.dying = false;
            }
            Change::Stop | Change::Kill | Change::RemoveByForce => self.stopped = Some(true),
            Change::Terminate => {
                self.stopped = Some(true);
                self.codes = self.codes_after(Change::Stop, true);
                self.dying = true;
            }
            Change::Pause | Change::Unpause | Change::Remove => {}
        }
    }

    /// What a program may exit with when it is ended so.
    fn codes_after(&self, change: Change, forced: bool) -> BTreeSet<i64> {
        let mut codes = BTreeSet::new();
        if change == Change::Stop {
            match self.plan.program {
                Program::Steady => drop(codes.insert(self.plan.code)),
                Program::Brief(_) => codes.extend([self.plan.code, 143, 140, 137]),
                Program::Stubborn => codes.extend([137, 143]),
            }
        } else {
            codes.insert(137);
        }
        if change == Change::Stop && (forced || !self.ready) {
            codes.extend([137, 143]);
            // Where the script is not its namespace's first process, nothing keeps a signal from it before it has set its
            // traps, not even the one that the container is stopped with.
            let host = &self.plan.body["HostConfig"];
            if self.plan.body["StopSignal"] == "SIGUSR2" && (host["PidMode"] == "host" || host["Init"] == true) {
                codes.insert(140);
            }
        }
        if self.dying {
            codes.extend(&self.codes);
        }
        codes
    }

    fn starts(&mut self) {
        self.first_run = !self.started;
        self.reviving = false;
        self.started = true;
        self.ready = false;
        self.stopped = Some(false);
        self.restarts = Restarts::NONE;
        self.dying = matches!(self.plan.program, Program::Brief(_));
        self.codes = [self.plan.code].into();
    }

    /// Nobody knows how far a change came: the engine died over it.
    pub(super) fn lost(&mut self, change: Change) {
        let next: Vec<State> = self.may.iter().map(|state| change.outcome(*state).1).collect();
        let was_up = self.may.iter().any(|state| state.is_up());
        self.may.extend(next);
        if change.ends_run() && was_up {
            if self.may.contains(&State::Paused) {
                // Thawed to die.
                self.may.insert(State::Running);
            }
            self.codes.extend(self.codes_after(Change::Stop, true));
            self.codes.extend([self.plan.code]);
            self.dying = true;
            self.stopped = None;
            self.end_run();
            self.may.insert(State::Exited);
        }
        if matches!(change, Change::Start | Change::Restart) {
            (self.started, self.ready, self.first_run) = (true, false, false);
            self.dying |= matches!(self.plan.program, Program::Brief(_));
            self.codes.extend([self.plan.code]);
            self.restarts = Restarts::ANY;
            self.stopped = None;
        }
        if change == Change::Stop {
            self.stopped = None;
        }
    }

    /// It is known to be in one of these states.
    fn narrowed(&mut self, states: &BTreeSet<State>) {
        if self.reviving && !states.contains(&State::Exited) && !states.contains(&State::Gone) {
            // An engine has started again what a user had stopped: its policy holds again.
            self.reviving = false;
            if self.stopped == Some(true) {
                self.stopped = (!self.dying).then_some(false);
            }
        }
    }

    /// What the engine shows fits, and from now on nothing else does.
    pub(super) fn seen(&mut self, state: State, code: i64, restarts: u32) -> Result<(), String> {
        if !self.may.contains(&state) {
            return Err(format!("it is {state:?}, and may be {:?}", self.may));
        }
        if state == State::Exited && !self.codes.contains(&code) {
            return Err(format!("it exited with {code}, and may have with {:?}", self.codes));
        }
        let Restarts(low, high) = self.restarts;
        // A policy's start counts when the run before it has ended.
        let settled = matches!(state, State::Running | State::Exited) && self.may.len() == 1;
        if restarts > high || settled && restarts < low {
            return Err(format!("it was restarted {restarts} times, and may have been {low} to {high} times"));
        }
        self.narrowed(&[state].into());
        let definite = state == State::Exited && self.dying && !self.plan.auto_remove;
        self.may = [state].into();
        if definite {
            self.dying = false;
            self.codes = [code].into();
        }
        Ok(())
    }

    /// Everything that is known, for a report.
    pub(super) fn tell(&self) -> String {
        let Self { name, id, plan, may, codes, restarts, dying, stopped, calls, .. } = self;
        let calls = calls.join("\n    ");
        format!(
            "{name} {id:.12} ({plan}): may be {may:?}, codes {codes:?}, {restarts:?}, dying {dying}, stopped {stopped:?}; \
             last calls:\n    {calls}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn running(tty: bool) -> Model {
        let plan = Plan::draw(&mut Random::new(1, 1), "image", "owner");
        let plan = Plan { program: Program::Steady, policy: Policy::No, auto_remove: false, tty, ..plan };
        let mut model = Model::new("box".to_owned(), plan, 0);
        model.changed(Change::Start, 204);
        model
    }

    #[test]
    fn a_process_stays_with_or_without_a_terminal() {
        for mut model in [running(false), running(true), Model { ready: true, ..running(true) }] {
            model.pass(1);
            assert!(model.seen(State::Exited, 129, 0).is_err() && model.is(State::Running));
        }
    }
}
