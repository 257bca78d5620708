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

use crate::engine::Engine;
use crate::random::Random;
use crate::torture::client::World;
use crate::torture::{kill_daemon, kill_keeper, load, settle, warm_up};
use anyhow::{Result, ensure};
use api::Api;
use client::Client;
use http::{Call, Socket};
use shared::Shared;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const IMAGE: &str = "chaos/busybox:latest";
/// With so many faults the run ends: the rest would only follow from them.
const MOST_FAULTS: usize = 20;

/// How much.
#[derive(Debug, Clone)]
pub struct Options {
    /// The `teu` executable.
    pub executable: PathBuf,
    /// How long.
    pub time: Duration,
    /// Clients.
    pub clients: usize,
    /// Makes the run repeatable as far as time lets it.
    pub seed: u64,
    /// Longest time between two kills of daemon or keeper.
    pub pause: Duration,
    /// A folder that the logs of daemon and keeper are copied to. The daemon tells more then.
    pub logs: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// How often what was done.
    pub counts: BTreeMap<&'static str, u64>,
    /// What must not happen; nothing in a good run.
    pub faults: Vec<String>,
}

/// Runs clients against an engine that is being killed.
///
/// # Errors
/// When the run itself cannot be done; what the engine does wrong is in the report.
pub fn run(options: &Options) -> Result<Report> {
    let extra: &[&str] = if options.logs.is_some() { &["--debug"] } else { &[] };
    let mut engine = Engine::start(&options.executable, extra)?;
    let world = World::new(&engine, options.executable.clone());
    load(&world, IMAGE)?;
    // So that what is made once is there.
    let first = world.run(&["run", "--rm", "--init", "-v", "/data", IMAGE, "true"])?;
    ensure!(first.ok(), "the first container: {}", first.said());
    let before = warm_up(&engine, &world, IMAGE)?;
    let (socket, parent) = (Socket(engine.host.path("teu.sock")), engine.cgroup_parent().to_owned());
    let killed = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for number in 0..options.clients {
            let (world, parent) = (&world, parent.clone());
            let api = Api::new(world, socket.clone());
            let random = Random::new(options.seed, number as u64 + 1);
            threads.push(scope.spawn(move || {
                let shared = Shared::new(api.clone(), number, parent.clone());
                Client::new(api, random, number, parent, shared).run();
            }));
        }
        let killed = kill_all(options, &mut engine, &world);
        world.end();
        for thread in threads {
            if thread.join().is_err() {
                world.fault("a client panicked".to_owned());
            }
        }
        killed
    });
    killed?;
    clean_up(&Api::new(&world, socket));
    settle(&engine, &world, &before)?;
    if let Some(folder) = &options.logs {
        std::fs::create_dir_all(folder)?;
        for log in ["daemon.log", "run/keeper.log"] {
            let from = engine.host.path(log);
            std::fs::copy(&from, folder.join(from.file_name().unwrap_or_default()))?;
        }
    }
    Ok(Report { counts: world.counts(), faults: world.faults() })
}

fn kill_all(options: &Options, engine: &mut Engine, world: &World) -> Result<()> {
    let mut random = Random::new(options.seed, 0);
    let begin = Instant::now();
    while begin.elapsed() < options.time && world.faults().len() < MOST_FAULTS {
        std::thread::sleep(random.time(options.pause));
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
