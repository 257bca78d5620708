//! Everything dies at once, by a power cut or by `kill -9`, at any moment under load.

mod load;
mod survivors;

use crate::support::{BUSYBOX, busybox, feed, text};
use load::Clients;
use std::path::Path;
use std::time::{Duration, Instant};
use teu_testkit::engine::Engine;
use teu_testkit::host::{Host, privileged};
use teu_testkit::random::Random;

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH` (fs/ext4/ext4.h): from this moment on nothing reaches the disk, and what is only
/// in memory never does.
const CUT: &str = r#"exec perl -e 'open(my $f, "<", $ARGV[0]) or die $!; my $flags = pack("L", 2);
    ioctl($f, 0x8004587d, $flags) or die $!' "$0""#;

/// What was told this long before a power cut is on disk.
const ON_DISK: Duration = Duration::from_secs(3);

/// A host whose data root is a file system of its own; false where there is none to be had.
pub(crate) fn mount_disk(host: &Host) -> bool {
    let (image, data) = (host.path("disk.img"), host.path("data"));
    let (image, data) = (image.display(), data.display());
    let script = format!(
        "mkdir -p '{data}'; command -v perl mkfs.ext4 >/dev/null
         [ -e '{image}' ] || {{ truncate -s 400M '{image}'; mkfs.ext4 -q '{image}'; }}
         mount -o loop '{image}' '{data}'"
    );
    host.sh(&script).inspect_err(|error| eprintln!("no disk of its own: {error:#}")).is_ok()
}

pub(crate) fn load_image(engine: &Engine) {
    let loaded = feed(engine.teu().arg("load"), busybox());
    assert!(loaded.status.success(), "{}", text(&loaded.stderr));
}

/// Runs the load for a while and then `disaster`. Returns when that was.
fn under_load(engine: &mut Engine, clients: &Clients, round: u64, disaster: impl FnOnce(&mut Engine)) -> Instant {
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let (prefix, random) = (format!("r{round}w{worker}"), Random::new(SEED + round, worker));
            scope.spawn(move || clients.churn_containers(&prefix, random));
        }
        scope.spawn(|| clients.churn_images(&format!("r{round}"), Random::new(SEED + round, 100)));
        let mut random = Random::new(SEED + round, 200);
        std::thread::sleep(Duration::from_secs(1) + random.time(Duration::from_secs(3)));
        clients.end();
        let at = Instant::now();
        disaster(engine);
        at
    })
}

const SEED: u64 = 2026;
const ROUNDS: u64 = 2;

fn cut_power(engine: &mut Engine, data: &Path) {
    let output = engine.host.command("sh").args(["-c", CUT]).arg(data).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    engine.reboot().unwrap();
}

#[test]
fn nothing_is_half_there_after_a_power_cut() {
    if !privileged() {
        return;
    }
    let host = Host::start().unwrap();
    let has_disk = mount_disk(&host);
    let mut engine = Engine::start_on(host, env!("CARGO_BIN_EXE_teu"), &[]).unwrap();
    let data = engine.host.path("data");
    load_image(&engine);
    for round in 0..ROUNDS {
        let clients = Clients::new(&engine);
        let cut = under_load(&mut engine, &clients, round, |engine| {
            if has_disk {
                cut_power(engine, &data);
                assert!(mount_disk(&engine.host));
            } else {
                engine.reboot().unwrap();
            }
        });
        engine.start_daemon().unwrap();
        survivors::check(&engine, &clients, cut, if has_disk { ON_DISK } else { Duration::ZERO });
        survivors::nothing_is_left(&engine);
        load_image(&engine);
    }
}

#[test]
fn nothing_is_half_there_after_everything_was_killed() {
    if !privileged() {
        return;
    }
    let mut engine = Engine::start(env!("CARGO_BIN_EXE_teu"), &[]).unwrap();
    load_image(&engine);
    for round in 10..10 + ROUNDS {
        let clients = Clients::new(&engine);
        let at = under_load(&mut engine, &clients, round, |engine| engine.kill_everything().unwrap());
        engine.start_daemon().unwrap();
        survivors::check(&engine, &clients, at, Duration::ZERO);
        survivors::nothing_is_left(&engine);
        load_image(&engine);
    }
    assert_eq!(engine.run(&["run", "--rm", BUSYBOX, "echo", "on"]).unwrap(), "on\n");
}
