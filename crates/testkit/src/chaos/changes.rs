//! Changes of a container's state, alone, together and behind the engine's back.

use super::api::Asked;
use super::client::{Client, Judged, expect};
use super::http::Call;
use super::model::Model;
use super::plan::{Program, pick};
use super::process;
use super::state::{Change, State};
use std::collections::BTreeSet;
use std::time::Duration;

impl Model {
    /// How it is asked for: by id once that is known.
    pub(super) fn reference(&self) -> &str {
        if self.id.is_empty() { &self.name } else { &self.id }
    }

    /// The request for a change.
    pub(super) fn call(&self, change: Change) -> Call {
        let id = self.reference();
        let signal = self.plan.body["StopSignal"].as_str().unwrap_or("SIGTERM");
        match change {
            Change::Start => Call::post(format!("/containers/{id}/start")),
            Change::Stop => Call::post(format!("/containers/{id}/stop?t=1")),
            Change::Kill => Call::post(format!("/containers/{id}/kill")),
            Change::Terminate => Call::post(format!("/containers/{id}/kill?signal={signal}")),
            Change::Restart => Call::post(format!("/containers/{id}/restart?t=1")),
            Change::Pause => Call::post(format!("/containers/{id}/pause")),
            Change::Unpause => Call::post(format!("/containers/{id}/unpause")),
            Change::Remove => Call::new("DELETE", format!("/containers/{id}?v=1")),
            Change::RemoveByForce => Call::new("DELETE", format!("/containers/{id}?v=1&force=1")),
        }
    }
}

impl Client<'_> {
    /// Asks for a change and compares the answer with what can be.
    pub(super) fn change(&mut self, model: &mut Model, change: Change) -> Judged {
        let world = self.api.world;
        model.pass(world.deaths_of_daemon());
        let asked = self.ask(model, &model.call(change));
        // Time has passed.
        model.pass(world.deaths_of_daemon());
        match asked {
            Asked::Answered(answer) => {
                let allowed: Vec<u16> = model.answers(change).into_iter().collect();
                if answer.status >= 500 {
                    model.lost(change);
                    return self.inspect(model);
                }
                expect(&answer, &allowed).map_err(|why| format!("{change:?}: {why}"))?;
                model.changed(change, answer.status);
                Ok(())
            }
            Asked::Lost => {
                model.lost(change);
                self.inspect(model)
            }
        }
    }

    /// Kills the first process, and waits until the engine knows.
    pub(super) fn kill_process(&mut self, model: &mut Model) -> Judged {
        self.inspect(model)?;
        if !model.is(State::Running) || model.plan.body["HostConfig"]["PidMode"] == "host" {
            return Ok(());
        }
        let view = self.api.insist(&Call::get(format!("/containers/{}/json", model.id))).json();
        let pid = view["State"]["Pid"].as_i64().unwrap_or(0);
        if pid == 0 {
            return Ok(());
        }
        let wait = Call::post(format!("/containers/{}/wait?condition=next-exit", model.id));
        let killed = std::thread::scope(|scope| {
            let api = self.api.clone();
            // It may come too late, or be cut.
            let waiting = scope.spawn(move || api.ask(&wait.listen(Duration::from_secs(2))));
            let killed = process::kill(&self.parent, &model.id, pid);
            let told = matches!(waiting.join(), Ok(Asked::Answered(answer)) if !answer.body.is_empty());
            killed.map(|()| told)
        });
        match killed {
            Ok(told) => {
                model.note(format!("process {pid} killed"));
                self.api.world.count("processes killed", 1);
                model.pass(self.api.world.deaths_of_daemon());
                model.killed(told);
            }
            // It has just ended, or an engine that died before has not started it again yet.
            Err(error) => model.note(format!("process {pid} not killed: {error:#}")),
        }
        Ok(())
    }

    /// Somebody waits for the end, somebody else brings it about.
    pub(super) fn wait_and_end(&mut self, model: &mut Model) -> Judged {
        self.inspect(model)?;
        if !model.is(State::Running) || model.plan.program == Program::Stubborn && model.dying {
            return Ok(());
        }
        let change = [Change::Stop, Change::Kill, Change::Restart, Change::RemoveByForce][pick(&mut self.random, 4)];
        let condition = match change {
            Change::RemoveByForce => "removed",
            Change::Restart => "next-exit",
            _ => "not-running",
        };
        let call = Call::post(format!("/containers/{}/wait?condition={condition}", model.id));
        // It may begin to wait after the end, and the next never comes.
        let call = if change == Change::Restart { call.listen(Duration::from_secs(3)) } else { call };
        let api = self.api.clone();
        let deaths = self.api.world.deaths_of_daemon();
        let (judged, waited) = std::thread::scope(|scope| {
            let waiting = scope.spawn(move || api.ask(&call));
            // So that as a rule it waits by then; if it does not, that is seen by its answer.
            std::thread::sleep(Duration::from_millis(30));
            let judged = self.change(model, change);
            let judged = judged.and_then(|()| self.end(model, change));
            (judged, waiting.join())
        });
        judged?;
        let Ok(Asked::Answered(waited)) = waited else { return Ok(()) };
        if waited.status != 200 || !self.api.world.is_calm_since(deaths) {
            return expect(&waited, &[0, 200, 404]).map_err(|why| format!("wait: {why}"));
        }
        let code = waited.json()["StatusCode"].as_i64().unwrap_or(-1);
        if change != Change::Restart && !model.codes.contains(&code) {
            return Err(format!("wait answers {code}, and may have {:?}", model.codes));
        }
        Ok(())
    }

    /// Sees to it that the waiting is over, if a change was lost.
    fn end(&mut self, model: &mut Model, change: Change) -> Judged {
        let over = match change {
            Change::RemoveByForce => model.is(State::Gone),
            Change::Restart => model.is(State::Running) && !model.dying,
            _ => model.is(State::Exited) || model.is(State::Gone),
        };
        let again = if change == Change::RemoveByForce { Change::RemoveByForce } else { Change::Kill };
        if over || model.is(State::Exited) && again == Change::Kill { Ok(()) } else { self.change(model, again) }
    }

    /// Two changes at the same time: as if one had come before the other.
    pub(super) fn two_at_once(&mut self, model: &mut Model) -> Judged {
        let mut draw = || Change::ALL[pick(&mut self.random, Change::ALL.len())];
        let (first, second) = (draw(), draw());
        model.pass(self.api.world.deaths_of_daemon());
        let calls = [model.call(first), model.call(second)];
        let answers = std::thread::scope(|scope| {
            let threads = calls.each_ref().map(|call| {
                let api = self.api.clone();
                scope.spawn(move || api.ask(call))
            });
            threads.map(|thread| thread.join().unwrap_or(Asked::Lost))
        });
        let deaths = self.api.world.deaths_of_daemon();
        for (call, asked) in calls.iter().zip(&answers) {
            super::client::note(model, call, asked, deaths);
        }
        model.pass(deaths);
        let statuses = answers.each_ref().map(|asked| match asked {
            Asked::Answered(answer) if answer.status < 500 => Some(answer.status),
            _ => None,
        });
        let fits = possible(&model.may, model.dying, [first, second], statuses);
        // Whatever came of it, both orders are possible.
        for change in [first, second, first] {
            model.lost(change);
        }
        if !fits {
            return Err(format!("{first:?} and {second:?} at once answer {statuses:?}"));
        }
        self.inspect(model)
    }
}

/// Whether one order of both changes explains the answers, as far as they are known.
fn possible(may: &BTreeSet<State>, dying: bool, changes: [Change; 2], statuses: [Option<u16>; 2]) -> bool {
    let [first, second] = changes;
    let agrees = |seen: Option<u16>, status: u16| seen.is_none_or(|seen| seen == status);
    if dying || first.has_steps() || second.has_steps() {
        // The other may come between the steps, or after its end, and finds the container in any state.
        return [(first, statuses[0]), (second, statuses[1])].iter().all(|(change, seen)| {
            State::ALL.iter().any(|state| agrees(*seen, change.outcome(*state).0))
                || *change == Change::RemoveByForce && agrees(*seen, 409)
        });
    }
    may.iter().any(|state| {
        let order = |a: Change, b: Change, seen: [Option<u16>; 2]| {
            let (status, next) = a.outcome(*state);
            agrees(seen[0], status) && agrees(seen[1], b.outcome(next).0)
        };
        order(first, second, statuses) || order(second, first, [statuses[1], statuses[0]])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_order_must_explain_both_answers() {
        let may = |state| BTreeSet::from([state]);
        let both = |a, b, x, y| possible(&may(State::Created), false, [a, b], [Some(x), Some(y)]);
        assert!(both(Change::Start, Change::Start, 204, 304) && both(Change::Start, Change::Start, 304, 204));
        assert!(!both(Change::Start, Change::Start, 204, 204) && !both(Change::Start, Change::Start, 304, 304));
        assert!(both(Change::Start, Change::Remove, 204, 409) && both(Change::Start, Change::Remove, 404, 204));
        assert!(!both(Change::Start, Change::Remove, 204, 204));
        assert!(both(Change::Remove, Change::Start, 204, 404));
    }
}
