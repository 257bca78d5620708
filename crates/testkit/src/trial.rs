//! An engine on trial: what [`crate::torture`] and [`crate::chaos`] have in common.

use crate::engine::{Engine, keeper_pid, kill};
use crate::torture::audit::Inventory;
use crate::torture::client::World;
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How long a new keeper may take to come.
const KEEPER: Duration = Duration::from_secs(30);
/// How long clean-up in the background may take.
const SETTLE: Duration = Duration::from_secs(100);

/// What every trial needs.
#[derive(Debug, Clone)]
pub struct Options {
    /// The `teu` executable.
    pub executable: PathBuf,
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
    /// How often what was done, and how long it took.
    pub counts: BTreeMap<&'static str, u64>,
    /// What must not happen; nothing in a good run.
    pub faults: Vec<String>,
}

/// An engine with an image, and what it had when the trial began.
pub(crate) struct Trial {
    pub(crate) engine: Engine,
    pub(crate) world: World,
    before: Inventory,
}

impl Trial {
    /// Starts an engine that has `image`.
    pub(crate) fn begin(options: &Options, image: &str) -> Result<Self> {
        let extra: &[&str] = if options.logs.is_some() { &["--debug"] } else { &[] };
        let engine = Engine::start(&options.executable, extra)?;
        let world = World::new(&engine, options.executable.clone());
        load(&world, image)?;
        let before = warm_up(&engine, &world, image)?;
        Ok(Self { engine, world, before })
    }

    /// Looks at what is left, and tells what came of it.
    pub(crate) fn end(self, options: &Options) -> Result<Report> {
        let Self { engine, world, before } = self;
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
}

fn load(world: &World, image: &str) -> Result<()> {
    let archive = crate::image::busybox(image)?.docker_archive();
    let mut child = world.teu(&["load"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    child.stdin.take().context("no standard input")?.write_all(&archive)?;
    ensure!(child.wait()?.success(), "the image cannot be loaded");
    Ok(())
}

/// Starts and ends one container, so that everything that is made once is there, and takes stock.
fn warm_up(engine: &Engine, world: &World, image: &str) -> Result<Inventory> {
    let outcome = world.run(&["run", "--rm", "--init", "-v", "/data", image, "true"])?;
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
fn settle(engine: &Engine, world: &World, before: &Inventory) -> Result<()> {
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
