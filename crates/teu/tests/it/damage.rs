//! Databases that are damaged: kept aside, replaced, and said so; containers run on.

use crate::support::{BUSYBOX, engine, inspect};
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use teu_testkit::engine::Engine;
use teu_testkit::random::Random;

const PAGE: u64 = 4096;

/// What happens to a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Header,
    Truncated,
    Emptied,
    Pages,
    Log,
}

fn write_at(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

fn damage(path: &Path, how: Damage, random: &mut Random) {
    let size = fs::metadata(path).unwrap().len();
    let log = PathBuf::from(format!("{}-wal", path.display()));
    if !matches!(how, Damage::Log) {
        // With it, SQLite would mend most of this by itself.
        drop(fs::remove_file(&log));
    }
    match how {
        Damage::Header => write_at(path, 0, &[0x5a; 100]),
        Damage::Truncated => File::options().write(true).open(path).unwrap().set_len(size / 2 + 100).unwrap(),
        Damage::Emptied => drop(File::create(path).unwrap()),
        // All but the first, which is the header's: in most of them.
        Damage::Pages => {
            for page in 1..size / PAGE {
                if page == 1 || random.below(4) > 0 {
                    let garbage: Vec<u8> = (0..PAGE).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
                    write_at(path, page * PAGE, &garbage);
                }
            }
        }
        Damage::Log => fs::write(log, [0xa5; 100_000]).unwrap(),
    }
}

fn image_database(engine: &Engine) -> PathBuf {
    let found = ["erofs", "overlay"].map(|driver| engine.host.path("data/image").join(driver).join("image.db"));
    found.into_iter().find(|path| path.exists()).expect("an image database")
}

/// Waits until the copy of a database is younger than what was done before.
fn wait_for_copy(path: &Path, than: std::time::SystemTime) {
    let copy = PathBuf::from(format!("{}.copy", path.display()));
    let begin = Instant::now();
    while !fs::metadata(&copy).and_then(|metadata| metadata.modified()).is_ok_and(|time| time > than) {
        assert!(begin.elapsed() < Duration::from_secs(60), "{} is not copied", path.display());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn described(engine: &Engine) -> Vec<String> {
    let template = "{{.Name}} {{.State.Status}} {{.State.Pid}} {{.State.ExitCode}} {{.NetworkSettings.IPAddress}}";
    ["runs", "ended", "made"].iter().map(|name| inspect(engine, name, template)).collect()
}

fn check(engine: &mut Engine, which: &dyn Fn(&Engine) -> PathBuf, said: &str) {
    let containers = [("runs", "echo on; exec sleep 1000"), ("ended", "echo x >/kept; exit 7"), ("made", "true")];
    for (name, script) in containers {
        engine.run(&["create", "--name", name, BUSYBOX, "sh", "-c", script]).unwrap();
    }
    engine.run(&["start", "runs", "ended"]).unwrap();
    engine.run(&["wait", "ended"]).unwrap();
    let (path, before) = (which(engine), described(engine));
    if said.contains("state") {
        let now = std::time::SystemTime::now();
        engine.run(&["run", "--rm", BUSYBOX, "true"]).unwrap();
        wait_for_copy(&path, now);
    }
    let mut random = Random::new(7, 7);
    for (n, how) in
        [Damage::Header, Damage::Truncated, Damage::Emptied, Damage::Pages, Damage::Log].into_iter().enumerate()
    {
        engine.kill_daemon().unwrap();
        damage(&path, how, &mut random);
        engine.start_daemon().unwrap_or_else(|error| panic!("{how:?}: {error:#}"));
        assert_eq!(described(engine), before, "{how:?}");
        assert_eq!(engine.run(&["exec", "runs", "echo", "in"]).unwrap(), "in\n", "{how:?}");
        assert_eq!(engine.run(&["diff", "ended"]).unwrap(), "A /kept\n", "{how:?}");
        assert_eq!(engine.run(&["run", "--rm", BUSYBOX, "echo", "new"]).unwrap(), "new\n", "{how:?}");
        let warnings = engine.run(&["info", "--format", "{{json .Warnings}}"]).unwrap();
        // The checksums of a log tell garbage apart: it is as if nothing had been written.
        let kept = if matches!(how, Damage::Log) { n } else { n + 1 };
        assert_eq!(warnings.matches(".db.damaged-").count(), kept, "{how:?}: {warnings}");
    }
    let log = fs::read_to_string(engine.host.path("daemon.log")).unwrap();
    assert!(log.contains(said), "{log}");
    engine.run(&["rm", "-f", "runs", "ended", "made"]).unwrap();
}

#[test]
fn a_damaged_state_database_is_rebuilt() {
    let Some(mut engine) = engine() else { return };
    check(&mut engine, &|engine| engine.host.path("data/state.db"), "the state database is damaged");
}

#[test]
fn a_damaged_image_database_is_replaced() {
    let Some(mut engine) = engine() else { return };
    check(&mut engine, &image_database, "the image database is damaged");
}
