//! Daemon and keeper of an engine killed with -9 again and again, under load, and a look at what is left.
//!
//! Some containers write numbered lines all the time. Workers start, run, stop and remove others whose output and exit codes
//! are known beforehand, and attach to the first. In the end no container may have stopped, no line may be lost or
//! doubled, no exit code may be wrong, and nothing may be left behind.

pub(crate) mod audit;
mod chatty;
mod churn;
pub(crate) mod client;

use crate::engine::Engine;
use crate::random::Random;
use crate::trial::{self, Report, Trial, kill_daemon, kill_keeper};
use anyhow::Result;
use chatty::Chatty;
use churn::Churn;
use client::World;
use std::time::{Duration, Instant};

const IMAGE: &str = "torture/busybox:latest";

/// How much.
#[derive(Debug, Clone)]
pub struct Options {
    /// What every trial needs.
    pub trial: trial::Options,
    /// Kills of the daemon, and as many of the keeper.
    pub kills: usize,
    /// Containers that write all the time.
    pub containers: usize,
    /// Workers that make the rest of the load.
    pub workers: usize,
    /// The kills end after this time.
    pub limit: Duration,
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
    let mut trial = Trial::begin(&options.trial, IMAGE)?;
    let (engine, world) = (&mut trial.engine, &trial.world);
    let chatty = (0..options.containers).map(|n| Chatty::start(world, n, IMAGE)).collect::<Result<Vec<_>>>()?;
    let killed = std::thread::scope(|scope| {
        let names: Vec<String> = chatty.iter().map(|c| c.name.clone()).collect();
        let mut threads = Vec::new();
        for worker in 0..options.workers {
            let names = names.clone();
            let random = Random::new(options.trial.seed, worker as u64 + 1);
            threads.push(scope.spawn(move || Churn::new(world, random, IMAGE, worker, names).run()));
        }
        for listener in 0..options.workers.div_ceil(2) {
            let chatty = &chatty;
            let random = Random::new(options.trial.seed, listener as u64 + 1000);
            threads.push(scope.spawn(move || chatty::listen(world, random, chatty)));
        }
        let killed = kill_all(options, engine, world);
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
    chatty.iter().try_for_each(|container| container.finish(world))?;
    for container in &chatty {
        world.insist(&["rm", &container.name], |_| false)?;
    }
    trial.end(&options.trial)
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
    let mut random = Random::new(options.trial.seed, 0);
    let begin = Instant::now();
    for (number, victim) in schedule(options.kills, &mut random).into_iter().enumerate() {
        std::thread::sleep(random.time(options.trial.pause));
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
