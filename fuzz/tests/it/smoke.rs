//! Seeds and mutations of them, the same at every run: no target panics, and none takes long over a small input.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use teu_fuzz::mutate::Mutator;
use teu_fuzz::{TARGETS, Target};

/// No small input may take so long; generous, since the machine may be busy.
const TOO_LONG: Duration = Duration::from_secs(10);

#[test]
fn every_target_survives_seeds_and_mutations() {
    // `TEU_FUZZ_ROUNDS=50` multiplies the inputs, `TEU_FUZZ_SEED=7` makes others.
    let from_environment = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let rounds = from_environment("TEU_FUZZ_ROUNDS").unwrap_or(1);
    let seed = from_environment("TEU_FUZZ_SEED").unwrap_or(1);
    let only = std::env::var("TEU_FUZZ_TARGET").unwrap_or_default();
    let next = AtomicUsize::new(0);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            let mut failed = Vec::new();
            while let Some(target) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
                if only.is_empty() || target.name == only {
                    failed.extend(feed(target, rounds, seed));
                }
            }
            failed
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Feeds a target; answers what went wrong first.
fn feed(target: &Target, rounds: u32, seed: u32) -> Option<String> {
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    let began = Instant::now();
    let mut mutator = Mutator::new(seed.into());
    let mutated = (0..target.rounds * rounds).map(|_| mutator.input(&seeds)).collect::<Vec<_>>();
    for input in seeds.iter().cloned().chain([Vec::new()]).chain(mutated) {
        let start = Instant::now();
        let outcome = catch_unwind(|| (target.run)(&input));
        if outcome.is_err() || start.elapsed() > TOO_LONG {
            let what = if outcome.is_err() { "panicked".to_owned() } else { format!("took {:?}", start.elapsed()) };
            let path = std::env::temp_dir().join(format!("teu-fuzz-{}.input", target.name));
            std::fs::write(&path, &input).unwrap();
            return Some(format!("{} {what}; the input is {}", target.name, path.display()));
        }
    }
    eprintln!("{}: {:?}", target.name, began.elapsed());
    None
}
