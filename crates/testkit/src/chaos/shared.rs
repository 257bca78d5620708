//! Containers that belong to all clients: every call at any time, and only answers that make sense.

use super::api::{Api, Asked};
use super::http::Call;
use super::model::Model;
use super::plan::{Plan, pick};
use super::process;
use super::state::Change;
use crate::random::Random;
use serde_json::json;
use std::time::Duration;

/// How many there are.
const COUNT: usize = 3;
/// How long a client listens to what does not end.
const LISTEN: Duration = Duration::from_millis(200);
/// Answers that make sense, whatever the others do.
const SENSIBLE: [u16; 7] = [0, 200, 201, 204, 304, 404, 409];

/// One client's access to them.
pub(super) struct Shared<'w> {
    api: Api<'w>,
    owner: String,
    /// The cgroup of all containers.
    parent: String,
}

impl<'w> Shared<'w> {
    pub(super) fn new(api: Api<'w>, number: usize, parent: String) -> Self {
        Self { api, owner: format!("client-{number}"), parent }
    }

    /// One call about one of them.
    pub(super) fn call(&self, random: &mut Random) {
        let name = format!("shared-{}", pick(random, COUNT));
        match random.below(12) {
            0..2 => self.create(random, &name),
            2 => self.kill(&name),
            3 => self.exec(&name, random),
            4 => self.see(&name),
            5 => self.look(&name, random),
            _ => self.change(&name, random),
        }
    }

    fn judge(&self, call: &Call, more: &[u16]) -> Option<Vec<u8>> {
        let Asked::Answered(answer) = self.api.ask(call) else { return None };
        self.api.world.count("calls about shared containers", 1);
        if answer.status < 500 && !SENSIBLE.contains(&answer.status) && !more.contains(&answer.status) {
            let Call { method, path, .. } = call;
            self.api.world.fault(format!("shared: {method} {path} answers {}: {}", answer.status, answer.text()));
        }
        (200..300).contains(&answer.status).then_some(answer.body)
    }

    fn create(&self, random: &mut Random, name: &str) {
        let plan = Plan::draw(random, super::IMAGE, "all");
        self.judge(&Call::post(format!("/containers/create?name={name}")).json(&plan.body), &[]);
    }

    fn change(&self, name: &str, random: &mut Random) {
        let mut change = Change::ALL[pick(random, Change::ALL.len())];
        // So that there is something to change most of the time.
        if matches!(change, Change::Remove | Change::RemoveByForce) && random.below(2) == 0 {
            change = Change::Start;
        }
        let model = Model::new(name.to_owned(), Plan::draw(random, super::IMAGE, &self.owner), 0);
        self.judge(&model.call(change), &[]);
    }

    fn exec(&self, name: &str, random: &mut Random) {
        let body = json!({ "Cmd": ["sh", "-c", "echo in; usleep 20000"], "AttachStdout": true });
        let call = Call::post(format!("/containers/{name}/exec")).json(&body);
        let Some(created) = self.judge(&call, &[]) else { return };
        let created: serde_json::Value = serde_json::from_slice(&created).unwrap_or_default();
        let id = created["Id"].as_str().unwrap_or_default();
        let start = json!({ "Detach": random.below(2) == 0, "Tty": false });
        self.judge(&Call::post(format!("/exec/{id}/start")).json(&start), &[]);
        self.judge(&Call::get(format!("/exec/{id}/json")), &[]);
    }

    /// What is shown at one moment does not contradict itself.
    fn see(&self, name: &str) {
        let Some(view) = self.judge(&Call::get(format!("/containers/{name}/json")), &[]) else { return };
        let view: serde_json::Value = serde_json::from_slice(&view).unwrap_or_default();
        let state = &view["State"];
        let is = |member: &str| state[member].as_bool().unwrap_or(false);
        let up = matches!(state["Status"].as_str(), Some("running" | "paused"));
        let restarting = state["Status"] == "restarting";
        let fits = is("Running") == (up || restarting)
            && is("Paused") == (state["Status"] == "paused")
            && is("Restarting") == restarting
            && (state["Pid"].as_i64().unwrap_or(0) > 0) == up;
        if !fits {
            self.api.world.fault(format!("shared: {name} is shown as {state}"));
        }
    }

    fn look(&self, name: &str, random: &mut Random) {
        let calls = [
            Call::get(format!("/containers/{name}/top")),
            Call::get(format!("/containers/{name}/stats?stream=0&one-shot=1")),
            Call::get(format!("/containers/{name}/changes")),
            Call::get(format!("/containers/{name}/archive?path=/etc")),
            Call::get(format!("/containers/{name}/logs?stdout=1&follow=1")).listen(LISTEN),
            Call::post(format!("/containers/{name}/attach?stream=1&stdout=1&logs=1")).listen(LISTEN),
            Call::post(format!("/containers/{name}/wait?condition=next-exit")).listen(LISTEN),
            Call::post(format!("/containers/{name}/wait?condition=removed")).listen(LISTEN),
            Call::post(format!("/containers/{name}/update")).json(&json!({ "CpuShares": 100 + random.below(900) })),
            Call::get("/containers/json?all=1&size=1"),
            Call::get("/system/df"),
            Call::get("/info"),
            Call::get("/events").listen(LISTEN),
            Call::post("/volumes/prune"),
        ];
        // A log that is not kept cannot be read.
        self.judge(&calls[pick(random, calls.len())], &[501]);
    }

    fn kill(&self, name: &str) {
        let Some(view) = self.judge(&Call::get(format!("/containers/{name}/json")), &[]) else { return };
        let view: serde_json::Value = serde_json::from_slice(&view).unwrap_or_default();
        let (id, pid) = (view["Id"].as_str().unwrap_or_default(), view["State"]["Pid"].as_i64().unwrap_or(0));
        // The others may have been faster.
        if pid > 0 && process::kill(&self.parent, id, pid).is_ok() {
            self.api.world.count("processes killed", 1);
        }
    }
}
