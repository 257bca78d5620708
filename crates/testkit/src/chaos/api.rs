//! Requests that are made while the engine dies.

use super::http::{Answer, Call, Outcome, Socket};
use crate::torture::client::World;
use std::time::{Duration, Instant};

/// How long the engine may take to serve again.
const RETRY: Duration = Duration::from_secs(60);

/// The engine, as a client sees it.
#[derive(Clone)]
pub(super) struct Api<'w> {
    pub(super) world: &'w World,
    socket: Socket,
}

/// What became of a request.
pub(super) enum Asked {
    /// It was answered. The daemon may have died since.
    Answered(Answer),
    /// Nobody knows what was done.
    Lost,
}

impl<'w> Api<'w> {
    pub(super) fn new(world: &'w World, socket: Socket) -> Self {
        Self { world, socket }
    }

    /// Asks once. What was not received by anybody is asked again.
    pub(super) fn ask(&self, call: &Call) -> Asked {
        let begin = Instant::now();
        let what = || format!("{} {}", call.method, call.path);
        loop {
            let before = self.world.deaths_of_daemon();
            match self.socket.send(call) {
                Outcome::Answered(answer) => {
                    self.world.count("calls", 1);
                    if answer.status >= 500 && answer.status != 501 {
                        let text = answer.text();
                        self.world.fault(format!("{} answers {}: {text}", what(), answer.status));
                    }
                    return Asked::Answered(answer);
                }
                Outcome::Unreachable if begin.elapsed() < RETRY => std::thread::sleep(Duration::from_millis(10)),
                Outcome::Unreachable => {
                    self.world.fault(format!("{}: nobody serves for {RETRY:?}", what()));
                    return Asked::Lost;
                }
                Outcome::Cut(why) => {
                    self.world.count("calls cut by a death of the daemon", 1);
                    if self.world.is_calm_since(before) {
                        self.world.fault(format!("{}: cut, and the daemon lived: {why}", what()));
                    }
                    return Asked::Lost;
                }
                Outcome::Hung => {
                    self.world.fault(format!("{} hangs", what()));
                    return Asked::Lost;
                }
            }
        }
    }

    /// Asks until there is an answer: for what may be repeated.
    pub(super) fn insist(&self, call: &Call) -> Answer {
        for _ in 0..8 {
            if let Asked::Answered(answer) = self.ask(call) {
                return answer;
            }
        }
        Answer { status: 0, body: Vec::new() }
    }
}
