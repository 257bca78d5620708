//! Calls that leave a container in the state it is in.

use super::api::Asked;
use super::client::{Client, Judged, expect};
use super::http::Call;
use super::model::Model;
use super::plan::pick;
use super::state::State;
use crate::image::Layer;
use serde_json::{Value, json};
use std::io::Read as _;
use std::time::Duration;

/// How long a client listens to what does not end.
const LISTEN: Duration = Duration::from_millis(100);

/// Statuses for one that runs, is frozen, is about to be started again, does not run.
type Statuses = [u16; 4];

/// Which of them can come now; what is gone is not found.
fn allowed(model: &Model, [running, paused, restarting, down]: Statuses) -> Vec<u16> {
    let status = |state: &State| match state {
        State::Running => running,
        State::Paused => paused,
        State::Restarting => restarting,
        State::Created | State::Exited => down,
        State::Gone => 404,
    };
    let mut all: Vec<u16> = model.may.iter().map(status).collect();
    // It may end between two steps of the engine.
    if model.dying {
        all.push(409);
    }
    all
}

impl Client<'_> {
    /// Asks for something that changes no state. None: there was no answer.
    fn ask_about(&mut self, model: &mut Model, call: &Call, statuses: Statuses) -> Result<Option<Vec<u8>>, String> {
        model.pass(self.api.world.deaths_of_daemon());
        let before = allowed(model, statuses);
        let asked = self.ask(model, call);
        model.pass(self.api.world.deaths_of_daemon());
        let Asked::Answered(answer) = asked else { return Ok(None) };
        // A client that leaves early may have left before the head.
        let statuses = [before, allowed(model, statuses), if call.listen.is_some() { vec![0] } else { vec![] }];
        expect(&answer, &statuses.concat()).map_err(|why| format!("{} {}: {why}", call.method, call.path))?;
        Ok((answer.status < 300).then_some(answer.body))
    }

    /// A command in it, with its output and exit code.
    pub(super) fn exec(&mut self, model: &mut Model) -> Judged {
        let deaths = self.api.world.deaths_of_daemon();
        let code = self.random.below(100);
        let script = format!("echo in; usleep {}; exit {code}", self.random.below(50_000));
        let detach = self.random.below(3) == 0;
        let body = json!({ "Cmd": ["sh", "-c", script], "AttachStdout": true, "Tty": false });
        let call = Call::post(format!("/containers/{}/exec", model.reference())).json(&body);
        let Some(created) = self.ask_about(model, &call, [201, 409, 409, 409])? else { return Ok(()) };
        let created: Value = serde_json::from_slice(&created).unwrap_or_default();
        let id = created["Id"].as_str().unwrap_or_default().to_owned();
        // Only of one that runs on is known what becomes of its commands.
        let solid = model.is(State::Running) && !model.dying;
        let start = Call::post(format!("/exec/{id}/start")).json(&json!({ "Detach": detach, "Tty": false }));
        let asked = self.ask(model, &start);
        let Asked::Answered(answer) = asked else { return Ok(()) };
        if !self.api.world.is_calm_since(deaths) {
            // A prepared command is forgotten with the engine.
            return expect(&answer, &[200, 404, 409]).map_err(|why| format!("exec: {why}"));
        }
        self.api.world.count("commands", 1);
        if !solid {
            return expect(&answer, &[200, 409, 404]).map_err(|why| format!("exec: {why}"));
        }
        expect(&answer, &[200]).map_err(|why| format!("exec: {why}"))?;
        if detach {
            return Ok(());
        }
        let output = frames(&answer.body);
        let view = self.api.insist(&Call::get(format!("/exec/{id}/json")));
        if self.api.world.is_calm_since(deaths) {
            if output != "in\n" {
                return Err(format!("exec {id:.12}: the output is {output:?}"));
            }
            if view.json()["ExitCode"].as_u64() != Some(code) {
                return Err(format!("exec {id:.12}: exit code {code} is shown as {}", view.text()));
            }
        }
        Ok(())
    }

    /// Its log has nothing but what it writes.
    pub(super) fn logs(&mut self, model: &mut Model) -> Judged {
        let id = model.reference().to_owned();
        let call = Call::get(format!("/containers/{id}/logs?stdout=1&stderr=1&tail=all"));
        let status = if model.plan.logged { 200 } else { 501 };
        let Some(log) = self.ask_about(model, &call, [status; 4])? else { return Ok(()) };
        let text = if model.plan.tty { String::from_utf8_lossy(&log).into_owned() } else { frames(&log) };
        // The shell tells of a child that went with its terminal, when daemon and keeper died at once.
        let known = |line: &str| line == "up" || model.plan.tty && line == "Hangup";
        if !text.lines().all(|line| known(line.trim_end())) {
            return Err(format!("its log is {text:?}"));
        }
        if model.first_run && model.is(State::Running) && !text.is_empty() {
            model.ready = true;
        }
        Ok(())
    }

    /// A file goes in and comes out again.
    pub(super) fn files(&mut self, model: &mut Model) -> Judged {
        let id = model.reference().to_owned();
        let number = self.random.below(1_000_000);
        let content = format!("content {number}").repeat(1 + pick(&mut self.random, 2000));
        let archive = Layer::new().file("chaos", 0o644, &content).finish();
        let put = Call::new("PUT", format!("/containers/{id}/archive?path=/")).tar(archive);
        let status = if model.plan.read_only { 400 } else { 200 };
        if self.ask_about(model, &put, [status; 4])?.is_none() {
            return Ok(());
        }
        let get = Call::get(format!("/containers/{id}/archive?path=/chaos"));
        let Some(archive) = self.ask_about(model, &get, [200; 4])? else { return Ok(()) };
        let mut found = String::new();
        let mut archive = tar::Archive::new(&archive[..]);
        for entry in archive.entries().into_iter().flatten().flatten() {
            let mut entry = entry;
            drop(entry.read_to_string(&mut found));
        }
        if found != content {
            return Err(format!("a file of {} bytes came out with {}", content.len(), found.len()));
        }
        self.api.world.count("files in and out", 1);
        Ok(())
    }

    /// An image of it, which goes at once.
    pub(super) fn commit(&mut self, model: &mut Model) -> Judged {
        let tag = format!("{}-{}", self.owner, self.random.below(1_000_000));
        let call = Call::post(format!("/commit?container={}&repo=chaos&tag={tag}", model.reference()));
        if self.ask_about(model, &call, [201; 4])?.is_some() {
            let removal = Call::new("DELETE", format!("/images/chaos:{tag}"));
            match self.ask(model, &removal) {
                Asked::Answered(answer) => expect(&answer, &[200]).map_err(|why| format!("image: {why}"))?,
                Asked::Lost => {}
            }
        }
        self.inspect(model)
    }

    pub(super) fn update(&mut self, model: &mut Model) -> Judged {
        let shares = 100 + self.random.below(900);
        let call = Call::post(format!("/containers/{}/update", model.reference()));
        let call = call.json(&json!({ "CpuShares": shares, "PidsLimit": 50 + shares }));
        if self.ask_about(model, &call, [200; 4])?.is_none() {
            return self.inspect(model);
        }
        let view = self.api.insist(&Call::get(format!("/containers/{}/json", model.reference()))).json();
        let shown = &view["HostConfig"];
        if view["Id"].is_string() && (shown["CpuShares"] != shares || shown["PidsLimit"] != 50 + shares) {
            return Err(format!("{shares} shares were answered, {} are shown", shown["CpuShares"]));
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, model: &mut Model) -> Judged {
        let taken = self.own.first().filter(|_| self.random.below(4) == 0).map(|other| other.name.clone());
        let expected = if taken.is_some() { 409 } else { 204 };
        let name = taken.clone().unwrap_or_else(|| format!("{}x{}", self.owner, self.random.below(1_000_000_000)));
        let call = Call::post(format!("/containers/{}/rename?name={name}", model.reference()));
        model.pass(self.api.world.deaths_of_daemon());
        let other_may_be_gone = self.own.first().is_some_and(|other| other.may.contains(&State::Gone) || other.dying);
        let asked = self.ask(model, &call);
        if model.id.is_empty() {
            return Ok(());
        }
        match asked {
            Asked::Answered(answer) => {
                let gone = model.plan.auto_remove || model.may.contains(&State::Gone);
                let mut allowed = vec![expected];
                allowed.extend(gone.then_some(404));
                allowed.extend((taken.is_some() && other_may_be_gone).then_some(204));
                expect(&answer, &allowed).map_err(|why| format!("rename: {why}"))?;
                if answer.status == 204 {
                    model.name = name;
                }
            }
            Asked::Lost => {
                let view = self.api.insist(&Call::get(format!("/containers/{}/json", model.id))).json();
                if view["Name"] == format!("/{name}") && taken.is_none() {
                    model.name = name;
                }
            }
        }
        self.inspect(model)
    }

    /// One of the calls that only read.
    pub(super) fn look(&mut self, model: &mut Model) -> Judged {
        let id = model.reference().to_owned();
        let always = [200; 4];
        let looks: [(Call, Statuses); 9] = [
            (Call::get(format!("/containers/{id}/top")), [200, 200, 409, 409]),
            (Call::get(format!("/containers/{id}/stats?stream=0&one-shot=1")), always),
            (Call::get(format!("/containers/{id}/changes")), always),
            (Call::new("HEAD", format!("/containers/{id}/archive?path=/etc/passwd")), always),
            (Call::get(format!("/containers/{id}/logs?stdout=1&follow=1")).listen(LISTEN), always),
            (Call::post(format!("/containers/{id}/attach?stream=1&stdout=1")).listen(LISTEN), [200, 409, 409, 200]),
            (Call::post(format!("/containers/{id}/wait")).listen(LISTEN), always),
            (Call::get(format!("/events?since=0&until=1&filters=%7B%22container%22%3A%5B%22{id}%22%5D%7D")), always),
            (Call::post(format!("/containers/{id}/resize?h=20&w=80")), [200, 200, 409, 409]),
        ];
        let chosen = pick(&mut self.random, looks.len());
        let (call, statuses) = &looks[chosen];
        let unlogged = call.path.contains("/logs") && !model.plan.logged;
        let statuses = if unlogged { [501; 4] } else { *statuses };
        let gone_is_nothing = call.path.starts_with("/events");
        let judged = self.ask_about(model, call, statuses);
        if gone_is_nothing { Ok(()) } else { judged.map(drop) }
    }
}

/// What is in the frames of a stream, those of both outputs.
fn frames(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<8>() {
        let size = usize::try_from(u32::from_be_bytes([head[4], head[5], head[6], head[7]])).unwrap_or(0);
        let (content, after) = rest.split_at(size.min(rest.len()));
        text.push_str(&String::from_utf8_lossy(content));
        bytes = after;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::frames;

    #[test]
    fn frames_are_taken_off() {
        assert_eq!(frames(b"\x01\0\0\0\0\0\0\x02ab\x02\0\0\0\0\0\0\x01c"), "abc");
        assert_eq!(frames(b""), "");
    }
}
