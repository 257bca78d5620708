//! Daemon and keeper of an engine killed with -9 again and again, under load, and a look at what is left.
//!
//! Some containers write numbered lines all the time. Workers start, run, stop and remove others whose output and exit codes
//! are known beforehand, and attach to the first. In the end no container may have stopped, no line may be lost or
//! doubled, no exit code may be wrong, and nothing may be left behind.

pub(crate) mod audit;
mod chatty;
mod churn;
pub(crate) mod client;

use crate::engine::{Engine, keeper_pid, kill};
use crate::random::Random;
use anyhow::{Context as _, Result, ensure};
use audit::Inventory;
use chatty::Chatty;
use churn::Churn;
use client::World;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

const IMAGE: &str = "torture/busybox:latest";
/// How long a new keeper may take to come.
const KEEPER: Duration = Duration::from_secs(30);
/// How long clean-up in the background may take.
const SETTLE: Duration = Duration::from_secs(100);

/// How much.
#[derive(Debug, Clone)]
pub struct Options {
    /// The `teu` executable.
    pub executable: PathBuf,
    /// Kills of the daemon, and as many of the keeper.
    pub kills: usize,
    /// Containers that write all the time.
    pub containers: usize,
    /// Workers that make the rest of the load.
    pub workers: usize,
    /// Makes the run repeatable as far as time lets it.
    pub seed: u64,
    /// Longest time between two kills.
    pub pause: Duration,
    /// The kills end after this time.
    pub limit: Duration,
    /// A folder that the logs of daemon and keeper are copied to. The daemon tells more then.
    pub logs: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// How often what was done, and how long it took.
    pub counts: BTreeMap<&'static str, u64>,
    /// What must not happen; nothing in a good run.
    pub faults: Vec<String>,
}

/// Whom to kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Daemon,
    Keeper,
    /// The one right after the other.
    Both,
}

/// Tortures an engine.
///
/// # Errors
/// When the run itself cannot be done; what the engine does wrong is in the report.
pub fn run(options: &Options) -> Result<Report> {
    let extra: &[&str] = if options.logs.is_some() { &["--debug"] } else { &[] };
    let mut engine = Engine::start(&options.executable, extra)?;
    let world = World::new(&engine, options.executable.clone());
    load(&world, IMAGE)?;
    let before = warm_up(&engine, &world, IMAGE)?;
    let chatty = (0..options.containers).map(|n| Chatty::start(&world, n, IMAGE)).collect::<Result<Vec<_>>>()?;
    let killed = std::thread::scope(|scope| {
        let names: Vec<String> = chatty.iter().map(|c| c.name.clone()).collect();
        let mut threads = Vec::new();
        for worker in 0..options.workers {
            let (world, names) = (&world, names.clone());
            let random = Random::new(options.seed, worker as u64 + 1);
            threads.push(scope.spawn(move || Churn::new(world, random, IMAGE, worker, names).run()));
        }
        for listener in 0..options.workers.div_ceil(2) {
            let (world, chatty) = (&world, &chatty);
            let random = Random::new(options.seed, listener as u64 + 1000);
            threads.push(scope.spawn(move || chatty::listen(world, random, chatty)));
        }
        let killed = kill_all(options, &mut engine, &world);
        world.end();
        for thread in threads {
            let ended = thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked")));
            if let Err(error) = ended {
                world.fault(format!("a worker gave up: {error:#}"));
            }
        }
        killed
    });
    killed?;
    chatty.iter().try_for_each(|container| container.finish(&world))?;
    for container in &chatty {
        world.insist(&["rm", &container.name], |_| false)?;
    }
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

pub(crate) fn load(world: &World, image: &str) -> Result<()> {
    let archive = crate::image::busybox(image)?.docker_archive();
    let mut child = world.teu(&["load"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    child.stdin.take().context("no standard input")?.write_all(&archive)?;
    ensure!(child.wait()?.success(), "the image cannot be loaded");
    Ok(())
}

/// Starts and ends one container, so that everything that is made once is there, and takes stock.
pub(crate) fn warm_up(engine: &Engine, world: &World, image: &str) -> Result<Inventory> {
    let outcome = world.run(&["run", "--rm", image, "true"])?;
    ensure!(outcome.ok(), "the first container: {}", outcome.said());
    let mut last = Inventory::take(engine)?;
    let begin = Instant::now();
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let next = Inventory::take(engine)?;
        if next == last || begin.elapsed() > SETTLE {
            return Ok(next);
        }
        last = next;
    }
}

/// Waits until all is as before, or notes what is not.
pub(crate) fn settle(engine: &Engine, world: &World, before: &Inventory) -> Result<()> {
    let begin = Instant::now();
    loop {
        let leaks = Inventory::take(engine)?.leaked_since(before);
        if leaks.is_empty() {
            return Ok(());
        }
        if begin.elapsed() > SETTLE {
            leaks.into_iter().for_each(|leak| world.fault(leak));
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// The kills in any order; one in ten is both at once.
fn schedule(kills: usize, random: &mut Random) -> Vec<Victim> {
    let both = kills / 10;
    let mut victims = vec![Victim::Both; both];
    victims.extend(vec![Victim::Daemon; kills - both]);
    victims.extend(vec![Victim::Keeper; kills - both]);
    random.shuffle(&mut victims);
    victims
}

fn kill_all(options: &Options, engine: &mut Engine, world: &World) -> Result<()> {
    let mut random = Random::new(options.seed, 0);
    let begin = Instant::now();
    for (number, victim) in schedule(options.kills, &mut random).into_iter().enumerate() {
        std::thread::sleep(random.time(options.pause));
        if begin.elapsed() > options.limit {
            world.fault(format!("only {number} kills in {:?}", options.limit));
            return Ok(());
        }
        if victim != Victim::Daemon {
            kill_keeper(engine, world)?;
        }
        if victim != Victim::Keeper {
            kill_daemon(engine, world)?;
        }
    }
    Ok(())
}

pub(crate) fn kill_daemon(engine: &mut Engine, world: &World) -> Result<()> {
    world.daemon_changes();
    engine.kill_daemon()?;
    let begin = Instant::now();
    let started = engine.start_daemon();
    world.daemon_changes();
    started?;
    world.count("daemons killed", 1);
    world.count("ms until a daemon served again, in all", u64::try_from(begin.elapsed().as_millis())?);
    Ok(())
}

/// Kills whatever keeper there is, one that has just been started included.
pub(crate) fn kill_keeper(engine: &Engine, world: &World) -> Result<()> {
    let begin = Instant::now();
    loop {
        if let Some(pid) = keeper_pid(&engine.host)? {
            world.keeper_dies();
            // It may have been on its way out: a process that starts a keeper in the background is one, too.
            if kill(pid).is_ok() {
                world.count("keepers killed", 1);
                return Ok(());
            }
        }
        ensure!(begin.elapsed() < KEEPER, "no keeper was started for {KEEPER:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_killed_as_often() {
        let victims = schedule(200, &mut Random::new(1, 0));
        let count = |victim| victims.iter().filter(|v| **v == victim).count();
        assert_eq!((count(Victim::Daemon), count(Victim::Keeper), count(Victim::Both)), (180, 180, 20));
    }
}
