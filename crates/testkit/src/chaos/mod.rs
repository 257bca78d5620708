//! Random calls of the Engine API from several clients, while daemon, keeper and containers' processes are killed.
//!
//! Each client owns containers that nobody else touches: of these it knows what they can be, and compares every answer with
//! that. Some containers belong to all: there, answers must only be such as make sense. In the end the engine must agree with
//! every client, and nothing may be left behind.

mod api;
mod changes;
mod client;
mod http;
mod looks;
mod model;
mod plan;
mod process;
mod shared;
mod state;

use crate::engine::Engine;
use crate::random::Random;
use crate::torture::client::World;
use crate::trial::{self, Report, Trial, kill_daemon, kill_keeper};
use anyhow::Result;
use api::Api;
use client::Client;
use http::{Call, Socket};
use shared::Shared;
use std::time::{Duration, Instant};

const IMAGE: &str = "chaos/busybox:latest";
/// With so many faults the run ends: the rest would only follow from them.
const MOST_FAULTS: usize = 20;

/// How much.
#[derive(Debug, Clone)]
pub struct Options {
    /// What every trial needs.
    pub trial: trial::Options,
    /// How long.
    pub time: Duration,
    /// Clients.
    pub clients: usize,
}

/// Runs clients against an engine that is being killed.
///
/// # Errors
/// When the run itself cannot be done; what the engine does wrong is in the report.
pub fn run(options: &Options) -> Result<Report> {
    let mut trial = Trial::begin(&options.trial, IMAGE)?;
    let (engine, world) = (&mut trial.engine, &trial.world);
    let (socket, parent) = (Socket(engine.host.path("teu.sock")), engine.cgroup_parent().to_owned());
    let killed = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for number in 0..options.clients {
            let parent = parent.clone();
            let api = Api::new(world, socket.clone());
            let random = Random::new(options.trial.seed, number as u64 + 1);
            threads.push(scope.spawn(move || {
                let shared = Shared::new(api.clone(), number, parent.clone());
                Client::new(api, random, number, parent, shared).run();
            }));
        }
        let killed = kill_all(options, engine, world);
        world.end();
        for thread in threads {
            if thread.join().is_err() {
                world.fault("a client panicked".to_owned());
            }
        }
        killed
    });
    killed?;
    clean_up(&Api::new(world, socket));
    trial.end(&options.trial)
}

fn kill_all(options: &Options, engine: &mut Engine, world: &World) -> Result<()> {
    let mut random = Random::new(options.trial.seed, 0);
    let begin = Instant::now();
    while begin.elapsed() < options.time && world.faults().len() < MOST_FAULTS {
        std::thread::sleep(random.time(options.trial.pause));
        let chance = random.below(100);
        if chance < 55 {
            kill_keeper(engine, world)?;
        }
        // One in ten: both at once.
        if chance >= 45 {
            kill_daemon(engine, world)?;
        }
    }
    Ok(())
}

/// Removes what belongs to all, and what nobody was told of.
fn clean_up(api: &Api<'_>) {
    let left = api.insist(&Call::get("/containers/json?all=1")).json();
    for container in left.as_array().into_iter().flatten() {
        let id = container["Id"].as_str().unwrap_or_default();
        api.insist(&Call::new("DELETE", format!("/containers/{id}?force=1&v=1")));
    }
    let images = api.insist(&Call::get("/images/json?all=1")).json();
    for image in images.as_array().into_iter().flatten() {
        let tags: Vec<&str> = image["RepoTags"].as_array().into_iter().flatten().filter_map(|t| t.as_str()).collect();
        if !tags.contains(&IMAGE) {
            let id = image["Id"].as_str().unwrap_or_default();
            api.insist(&Call::new("DELETE", format!("/images/{id}?force=1")));
        }
    }
    api.insist(&Call::post("/volumes/prune"));
}
