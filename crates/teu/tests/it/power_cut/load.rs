//! Clients that make, change and remove containers and images all the time, and remember what they were told.

use crate::support::{BUSYBOX, feed};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;
use teu_testkit::engine::Engine;
use teu_testkit::image::{Image, Layer, busybox_layer, busybox_path};
use teu_testkit::random::Random;

/// Lines of the file in each image: more than one block.
pub(super) const LINES: usize = 5_000;

/// What a client knows of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    There,
    Gone,
    /// A request about it had no answer.
    Unsure,
}

/// A container, named by its label, or an image, named by its name.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) told: Told,
    /// Whether it is to run when the engine has come up.
    pub(super) runs: Option<bool>,
    /// When this became known.
    pub(super) since: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    containers: Mutex<BTreeMap<String, Entry>>,
    images: Mutex<BTreeMap<String, Entry>>,
}

fn lock(entries: &Mutex<BTreeMap<String, Entry>>) -> MutexGuard<'_, BTreeMap<String, Entry>> {
    entries.lock().expect("no panic under the lock")
}

fn note(entries: &Mutex<BTreeMap<String, Entry>>, name: &str, told: Told, runs: Option<bool>) {
    lock(entries).insert(name.to_owned(), Entry { told, runs, since: Instant::now() });
}

impl Ledger {
    pub(super) fn containers(&self) -> BTreeMap<String, Entry> {
        lock(&self.containers).clone()
    }

    pub(super) fn images(&self) -> BTreeMap<String, Entry> {
        lock(&self.images).clone()
    }
}

/// Runs command lines until the engine is gone.
pub(super) struct Clients {
    address: String,
    config: PathBuf,
    pub(super) ledger: Ledger,
    over: AtomicBool,
}

impl Clients {
    pub(super) fn new(engine: &Engine) -> Self {
        let (address, config) = (engine.address(), engine.host.path("config"));
        Self { address, config, ledger: Ledger::default(), over: AtomicBool::new(false) }
    }

    /// From now on failures are to be expected.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn teu(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teu"));
        command.env("DOCKER_HOST", &self.address).env("DOCKER_CONFIG", &self.config).args(arguments);
        command
    }

    /// None when the engine is gone: the answer may have been lost.
    fn run(&self, arguments: &[&str], input: &[u8]) -> Option<()> {
        let output = feed(&mut self.teu(arguments), input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || self.is_over(), "{arguments:?}: {said}");
        output.status.success().then_some(())
    }

    /// Containers, with names that tell them apart from those of other rounds.
    pub(super) fn churn_containers(&self, prefix: &str, mut random: Random) {
        for serial in 0.. {
            if self.is_over() || self.container(&format!("{prefix}-{serial}"), &mut random).is_none() {
                return;
            }
        }
    }

    fn container(&self, key: &str, random: &mut Random) -> Option<()> {
        let entries = &self.ledger.containers;
        let policy = ["no", "always", "unless-stopped"][usize::try_from(random.below(3)).unwrap_or(0)];
        let label = format!("key={key}");
        note(entries, key, Told::Unsure, None);
        let options = ["create", "--name", key, "--label", &label, "--restart", policy, "-v", "/data"];
        self.run(&[&options[..], &[BUSYBOX, "sh", "-c", "echo on; exec sleep 1000"]].concat(), b"")?;
        let mut runs = (policy == "no").then_some(false);
        note(entries, key, Told::There, runs);
        if random.below(4) > 0 {
            note(entries, key, Told::There, None);
            self.run(&["start", key], b"")?;
            runs = Some(policy != "no");
            note(entries, key, Told::There, runs);
        }
        if random.below(3) == 0 {
            let image = format!("commit-{key}");
            note(&self.ledger.images, &image, Told::Unsure, None);
            self.run(&["commit", key, &image], b"")?;
            note(&self.ledger.images, &image, Told::There, None);
        }
        let mut name = key.to_owned();
        if random.below(3) == 0 {
            name = format!("{key}-renamed");
            self.run(&["rename", key, &name], b"")?;
        }
        if random.below(3) == 0 {
            note(entries, key, Told::There, None);
            self.run(&["stop", "-t", "0", &name], b"")?;
            // One that never ran is none that a user has stopped.
            let known = if policy == "unless-stopped" { runs.map(|_| false) } else { runs };
            note(entries, key, Told::There, known);
        }
        if random.below(3) > 0 {
            note(entries, key, Told::Unsure, None);
            self.run(&["rm", "-f", "-v", &name], b"")?;
            note(entries, key, Told::Gone, None);
        }
        Some(())
    }

    /// Images with a layer of their own, made and removed.
    pub(super) fn churn_images(&self, prefix: &str, mut random: Random) {
        let entries = &self.ledger.images;
        let below = busybox_path().and_then(|path| busybox_layer(&path).ok()).expect("busybox-static");
        for serial in 0.. {
            let name = format!("load-{prefix}-{serial}");
            let blob = format!("{name}\n").repeat(LINES);
            let image = Image::new(&format!("{name}:latest")).layer(below.clone());
            let image = image.layer(Layer::new().file("blob", 0o644, blob).finish());
            note(entries, &name, Told::Unsure, None);
            if self.is_over() || self.run(&["load", "-q"], &image.docker_archive()).is_none() {
                return;
            }
            note(entries, &name, Told::There, None);
            if random.below(2) == 0 {
                note(entries, &name, Told::Unsure, None);
                if self.run(&["rmi", &name], b"").is_none() {
                    return;
                }
                note(entries, &name, Told::Gone, None);
            }
        }
    }
}
