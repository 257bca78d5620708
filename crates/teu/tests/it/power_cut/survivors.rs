//! What is there after a crash: all of it must be whole, work, and go without a trace.

use super::load::{Clients, Entry, LINES, Told};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use teu_testkit::engine::Engine;

/// How long restart policies and clean-up in the background may take.
const SETTLE: Duration = Duration::from_secs(60);

/// A container that the engine shows.
#[derive(Debug)]
struct Shown {
    name: String,
    key: String,
    state: String,
}

fn shown(engine: &Engine) -> Vec<Shown> {
    let format = "{{.Names}} {{.Label \"key\"}} {{.State}}";
    let out = engine.run(&["ps", "-a", "--format", format]).unwrap();
    let parse = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        Shown { name: word(), key: word(), state: word() }
    };
    out.lines().map(parse).collect()
}

/// Checks what survived `cut` against what clients were told until some time before, and that it works.
pub(super) fn check(engine: &Engine, clients: &Clients, cut: Instant, grace: Duration) {
    let certain = |entry: &Entry| entry.since + grace <= cut;
    let containers = clients.ledger.containers();
    let all = shown(engine);
    presence(&containers, &certain, "container", |key| all.iter().filter(|one| one.key == key).count());
    let images: Vec<String> =
        engine.run(&["images", "--format", "{{.Repository}}"]).unwrap().lines().map(str::to_owned).collect();
    presence(&clients.ledger.images(), &certain, "image", |name| images.iter().filter(|one| *one == name).count());
    policies(engine, &containers, &certain);
    for one in shown(engine) {
        works(engine, &one);
    }
    for image in &images {
        image_works(engine, image);
    }
}

fn presence(
    told: &BTreeMap<String, Entry>,
    certain: &dyn Fn(&Entry) -> bool,
    kind: &str,
    count: impl Fn(&str) -> usize,
) {
    for (name, entry) in told {
        match (entry.told, certain(entry), count(name)) {
            (Told::There, true, found) => assert_eq!(found, 1, "{kind} {name} is lost: {entry:?}"),
            (Told::Gone, true, found) => assert_eq!(found, 0, "{kind} {name} has come back: {entry:?}"),
            (_, _, found) => assert!(found <= 1, "{kind} {name} is there twice"),
        }
    }
}

/// What is to run does so soon, what is not does not.
fn policies(engine: &Engine, told: &BTreeMap<String, Entry>, certain: &dyn Fn(&Entry) -> bool) {
    let begin = Instant::now();
    loop {
        let wrong: Vec<Shown> = shown(engine)
            .into_iter()
            .filter(|one| {
                let entry = told.get(&one.key).filter(|entry| entry.told == Told::There && certain(entry));
                entry.and_then(|entry| entry.runs).is_some_and(|runs| runs != (one.state == "running"))
            })
            .collect();
        if wrong.is_empty() {
            return;
        }
        assert!(begin.elapsed() < SETTLE, "restart policies: {wrong:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn works(engine: &Engine, one: &Shown) {
    let text = engine.run(&["inspect", &one.name]).unwrap();
    assert!(text.contains("\"GraphDriver\""), "{text}");
    // One that its policy has just started is there already.
    engine.run(&["start", &one.name]).unwrap_or_else(|error| panic!("{one:?}: {error:#}"));
    assert_eq!(engine.run(&["exec", &one.name, "sh", "-c", "echo >/data/x; echo in"]).unwrap(), "in\n", "{one:?}");
    let begin = Instant::now();
    let logged = loop {
        let logged = engine.run(&["logs", &one.name]).unwrap();
        // It has been started, which does not mean that it has said something yet.
        if !logged.is_empty() || begin.elapsed() > SETTLE {
            break logged;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(!logged.is_empty() && logged.lines().all(|line| line == "on"), "{one:?}: {logged:?}");
    engine.run(&["rm", "-f", "-v", &one.name]).unwrap_or_else(|error| panic!("{one:?}: {error:#}"));
}

fn image_works(engine: &Engine, image: &str) {
    let lines = engine.run(&["run", "--rm", image, "sh", "-c", "[ ! -e /blob ] || sort /blob | uniq -c"]).unwrap();
    if image.starts_with("load-") {
        assert_eq!(lines.split_whitespace().collect::<Vec<_>>(), [&LINES.to_string(), image], "half a layer");
    }
}

/// Removes the last things, and waits until nothing is left of any container or layer.
pub(super) fn nothing_is_left(engine: &Engine) {
    engine.run(&["volume", "prune", "-f"]).unwrap();
    for image in engine.run(&["images", "-q"]).unwrap().lines() {
        drop(engine.output(&["rmi", "-f", image]));
    }
    let begin = Instant::now();
    loop {
        let left = leftovers(engine);
        if left.is_empty() {
            return;
        }
        assert!(begin.elapsed() < SETTLE, "left behind: {left:#?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn leftovers(engine: &Engine) -> BTreeSet<String> {
    let data = engine.host.path("data").display().to_string();
    let folders = "containers volumes image/*/snapshots image/*/ingest image/*/init image/*/layers";
    let script = format!("cd '{data}'; for f in {folders}; do [ ! -e $f ] || find $f -mindepth 1 -maxdepth 1; done");
    let mut left: BTreeSet<String> = engine.host.sh(&script).unwrap().lines().map(str::to_owned).collect();
    let network = engine.run(&["network", "inspect", "bridge", "--format", "{{json .Containers}}"]).unwrap();
    if network.trim() != "{}" {
        left.insert(format!("addresses: {network}"));
    }
    let parent = engine.cgroup_parent();
    let cgroups =
        format!("find /sys/fs/cgroup/*{parent} /sys/fs/cgroup{parent} -mindepth 1 -type d 2>/dev/null || true");
    left.extend(engine.host.sh(&cgroups).unwrap().lines().map(str::to_owned));
    let run = engine.host.path("run").display().to_string();
    let keeper = format!("find '{run}/containers' -mindepth 1 -maxdepth 1 2>/dev/null || true");
    left.extend(engine.host.sh(&keeper).unwrap().lines().map(str::to_owned));
    left
}
