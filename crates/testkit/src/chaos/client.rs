//! One client and its containers.

use super::api::{Api, Asked};
use super::http::{Answer, Call};
use super::model::Model;
use super::plan::{Plan, pick};
use super::shared::Shared;
use super::state::{Change, State};
use crate::random::Random;
use serde_json::Value;
use std::time::Duration;

/// Most containers that a client has at once.
const MOST: usize = 5;

/// A client.
pub(super) struct Client<'w> {
    pub(super) api: Api<'w>,
    pub(super) random: Random,
    /// The label of its containers.
    pub(super) owner: String,
    /// The cgroup of all containers.
    pub(super) parent: String,
    pub(super) own: Vec<Model>,
    shared: Shared<'w>,
    serial: u64,
}

/// Whether what was seen of a container fits.
pub(super) type Judged = Result<(), String>;

impl<'w> Client<'w> {
    pub(super) fn new(api: Api<'w>, random: Random, number: usize, parent: String, shared: Shared<'w>) -> Self {
        let owner = format!("client-{number}");
        Self { api, random, owner, parent, own: Vec::new(), shared, serial: 0 }
    }

    /// One call after the other until the end, then a last look at everything.
    pub(super) fn run(&mut self) {
        while !self.api.world.is_over() {
            match self.random.below(100) {
                0..12 if self.own.len() < MOST => self.create(),
                12..22 => self.shared.call(&mut self.random),
                22..27 => self.list(),
                27..29 => self.prune(),
                _ if self.own.is_empty() => self.create(),
                _ => self.one(),
            }
        }
        self.finish();
    }

    /// Something about one of its containers.
    fn one(&mut self) {
        let chosen = pick(&mut self.random, self.own.len());
        let mut model = self.own.swap_remove(chosen);
        let judged = match self.random.below(100) {
            0..50 => self.change_one(&mut model),
            50..60 => self.exec(&mut model),
            60..65 => self.logs(&mut model),
            65..72 => self.files(&mut model),
            72..76 => self.kill_process(&mut model),
            76..81 => self.wait_and_end(&mut model),
            81..87 => self.two_at_once(&mut model),
            87..89 => self.commit(&mut model),
            89..92 => self.update(&mut model),
            92..94 => self.rename(&mut model),
            _ => self.look(&mut model),
        };
        let judged = judged.and_then(|()| if self.random.below(3) == 0 { self.inspect(&mut model) } else { Ok(()) });
        self.keep(model, judged);
    }

    /// Keeps a container, or reports it and gets rid of it.
    pub(super) fn keep(&mut self, model: Model, judged: Judged) {
        match judged {
            Ok(()) if model.is(State::Gone) => {}
            Ok(()) => self.own.push(model),
            Err(why) => {
                self.api.world.fault(format!("{why}\n  {}", model.tell()));
                let path = format!("/containers/{}?force=1&v=1", model.reference());
                self.api.insist(&Call::new("DELETE", path));
            }
        }
    }

    fn change_one(&mut self, model: &mut Model) -> Judged {
        let mut change = Change::ALL[pick(&mut self.random, Change::ALL.len())];
        // Most changes need one that runs.
        if !model.may.contains(&State::Running) && self.random.below(2) == 0 {
            change = if model.is(State::Paused) { Change::Unpause } else { Change::Start };
        }
        self.change(model, change)
    }

    /// Asks, and notes what was asked and answered.
    pub(super) fn ask(&self, model: &mut Model, call: &Call) -> Asked {
        let asked = self.api.ask(call);
        note(model, call, &asked, self.api.world.deaths_of_daemon());
        asked
    }

    /// Looks until the engine tells what the container is.
    pub(super) fn inspect(&mut self, model: &mut Model) -> Judged {
        loop {
            model.pass(self.api.world.deaths_of_daemon());
            let deaths = model.deaths;
            let call = Call::get(format!("/containers/{}/json", model.reference()));
            let asked = self.ask(model, &call);
            match asked {
                _ if !self.api.world.is_calm_since(deaths) => {}
                Asked::Answered(answer) => return judge_view(model, &answer),
                Asked::Lost => return Err("inspect fails".to_owned()),
            }
        }
    }

    fn create(&mut self) {
        self.serial += 1;
        let name = format!("{}-{}", self.owner, self.serial);
        let plan = Plan::draw(&mut self.random, super::IMAGE, &self.owner);
        let call = Call::post(format!("/containers/create?name={name}")).json(&plan.body);
        let mut model = Model::new(name, plan, self.api.world.deaths_of_daemon());
        let judged = match self.ask(&mut model, &call) {
            Asked::Answered(answer) if answer.status == 201 => {
                answer.json()["Id"].as_str().unwrap_or_default().clone_into(&mut model.id);
                self.api.world.count("containers", 1);
                Ok(())
            }
            Asked::Answered(answer) => Err(format!("create answers {}: {}", answer.status, answer.text())),
            Asked::Lost => {
                model.may.insert(State::Gone);
                self.inspect(&mut model)
            }
        };
        let judged = judged.and_then(|()| self.create_again(&mut model));
        self.keep(model, judged);
    }

    /// A name that is taken, an image that is not there.
    fn create_again(&mut self, model: &mut Model) -> Judged {
        if model.is(State::Gone) || self.random.below(8) != 0 {
            return Ok(());
        }
        let mut body = model.plan.body.clone();
        let missing = self.random.below(2) == 0;
        let (name, expected) = if missing { ("another", 404) } else { (model.name.as_str(), 409) };
        if missing {
            body["Image"] = Value::from("chaos/missing:latest");
        }
        let call = Call::post(format!("/containers/create?name={name}")).json(&body);
        match self.ask(model, &call) {
            Asked::Answered(answer) => expect(&answer, &[expected]),
            Asked::Lost => Ok(()),
        }
    }

    /// All of its containers are listed, and no other.
    fn list(&mut self) {
        let call = Call::get(format!("/containers/json?all=1&filters={}", self.own_filter()));
        let deaths = self.api.world.deaths_of_daemon();
        self.own.iter_mut().for_each(|model| model.pass(deaths));
        let Asked::Answered(answer) = self.api.ask(&call) else { return };
        if !self.api.world.is_calm_since(deaths) {
            return;
        }
        let listed = answer.json();
        let listed = listed.as_array().cloned().unwrap_or_default();
        let found = |model: &Model| listed.iter().find(|shown| shown["Id"] == model.id.as_str());
        for index in (0..self.own.len()).rev() {
            let mut model = self.own.swap_remove(index);
            model.note("list");
            let shown = found(&model).map(|shown| shown["State"].as_str().unwrap_or_default());
            let state = shown.map_or(Some(State::Gone), State::parse);
            let fits = state.is_some_and(|state| model.may.contains(&state));
            let judged = if fits { Ok(()) } else { Err(format!("it is listed as {shown:?}")) };
            self.keep(model, judged);
        }
        for shown in &listed {
            if !self.own.iter().any(|model| shown["Id"] == model.id.as_str()) && self.own.len() <= listed.len() {
                // One that was reported above is listed, too.
                let known = answer.status == 200 && shown["Id"].is_string();
                let name = shown["Names"][0].as_str().unwrap_or_default();
                if !known || !name.starts_with(&format!("/{}", self.owner)) {
                    self.api.world.fault(format!("{} is shown a container of others: {shown}", self.owner));
                }
            }
        }
    }

    /// The filter for its own containers, as part of an address.
    fn own_filter(&self) -> String {
        format!("%7B%22label%22%3A%5B%22chaos%3D{}%22%5D%7D", self.owner)
    }

    fn prune(&mut self) {
        let call = Call::post(format!("/containers/prune?filters={}", self.own_filter()));
        let deaths = self.api.world.deaths_of_daemon();
        self.own.iter_mut().for_each(|model| model.pass(deaths));
        let asked = self.api.ask(&call);
        let (done, certain) = match &asked {
            Asked::Answered(answer) => (answer.status == 200, true),
            Asked::Lost => (true, false),
        };
        let prunable = |state: &State| matches!(state, State::Created | State::Exited);
        for index in (0..self.own.len()).rev() {
            let mut model = self.own.swap_remove(index);
            note(&mut model, &call, &asked, deaths);
            let mut judged = Ok(());
            if done && model.may.iter().any(prunable) {
                // It may have changed by itself before its turn came.
                if certain && model.may.iter().all(prunable) && !model.may.contains(&State::Running) {
                    model.may.clear();
                }
                model.may.insert(State::Gone);
                judged = self.inspect(&mut model);
            }
            self.keep(model, judged);
        }
    }

    /// At the end: everything fits, and goes.
    fn finish(&mut self) {
        // The last kill may have been a moment ago.
        for mut model in std::mem::take(&mut self.own) {
            let judged = self.inspect(&mut model);
            self.keep(model, judged);
        }
        self.list();
        self.api.world.count("containers compared at the end", self.own.len() as u64);
        for mut model in std::mem::take(&mut self.own) {
            let judged = self.change(&mut model, Change::RemoveByForce);
            self.keep(model, judged);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Notes what was asked and answered.
pub(super) fn note(model: &mut Model, call: &Call, asked: &Asked, deaths: u64) {
    let Call { method, path, .. } = call;
    match asked {
        Asked::Answered(answer) => {
            let text = if answer.status >= 400 { answer.text() } else { String::new() };
            model.note(format!("{method} {path}: {} {text}", answer.status));
        }
        Asked::Lost => model.note(format!("{method} {path}: cut ({deaths})")),
    }
}

/// Whether an answer has one of these statuses.
pub(super) fn expect(answer: &Answer, statuses: &[u16]) -> Judged {
    if statuses.contains(&answer.status) || answer.status >= 500 {
        // What must never be is reported where it comes in.
        return Ok(());
    }
    Err(format!("the answer is {} instead of {statuses:?}: {}", answer.status, answer.text()))
}

/// Whether what inspect shows fits.
fn judge_view(model: &mut Model, answer: &Answer) -> Judged {
    let view = answer.json();
    let shown = &view["State"];
    let state = match answer.status {
        404 => Some(State::Gone),
        _ => State::parse(shown["Status"].as_str().unwrap_or_default()),
    };
    let state = state.ok_or_else(|| format!("inspect answers {} {shown}", answer.status))?;
    if state != State::Gone {
        view["Id"].as_str().unwrap_or_default().clone_into(&mut model.id);
        let has_process = shown["Pid"].as_i64().unwrap_or(0) > 0;
        if has_process != matches!(state, State::Running | State::Paused) {
            return Err(format!("it is {state:?} with process {}", shown["Pid"]));
        }
        if view["Name"] != format!("/{}", model.name) {
            return Err(format!("it is called {}", view["Name"]));
        }
    }
    let code = shown["ExitCode"].as_i64().unwrap_or(-1);
    let restarts = u32::try_from(view["RestartCount"].as_u64().unwrap_or(0)).unwrap_or(u32::MAX);
    model.note(format!("  it is {state:?}, code {code}, {restarts} restarts, {}", shown["Error"]));
    model.seen(state, code, restarts)
}
