//! `debug`: a shell with tools in containers that have none, and nothing of it left behind.

use crate::support::{engine, feed, outcome, text};
use teu_testkit::engine::Engine;
use teu_testkit::image::{Image, Layer};

/// An image that holds one program and nothing else.
const SCRATCH: &str = "scratch:1";

/// An engine with a container that runs the one program of its image, as a user that is nobody.
fn with_target(flags: &[&str]) -> Option<Engine> {
    let engine = engine()?;
    let busybox = std::fs::read(teu_testkit::image::busybox_path().expect("busybox-static")).expect("a file");
    let layer = Layer::new().file("app/sleep", 0o755, busybox).finish();
    let image = Image::new(SCRATCH).layer(layer);
    let loaded = feed(engine.teu().arg("load"), &image.docker_archive());
    assert!(loaded.status.success(), "{}", text(&loaded.stderr));
    let run = ["run", "-d", "--name", "web", "--user", "1234", "-e", "COLOUR=blue"];
    engine.run(&[&run[..], flags, &[SCRATCH, "/app/sleep", "1000"]].concat()).expect("a container");
    Some(engine)
}

/// What a command prints in `debug`, which must succeed.
fn debug(engine: &Engine, arguments: &[&str]) -> String {
    let (code, out, err) = outcome(engine, &[&["debug"], arguments].concat());
    assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}: {out}");
    out
}

/// Names of all containers, and of all images with and without names.
fn left(engine: &Engine) -> (String, String) {
    let images = engine.run(&["images", "-a", "--format", "{{.Repository}}"]).unwrap();
    let mut images: Vec<&str> = images.lines().collect();
    images.sort_unstable();
    (engine.run(&["ps", "-a", "--format", "{{.Names}}"]).unwrap(), images.join(" "))
}

#[test]
fn one_that_runs() {
    let Some(engine) = with_target(&[]) else { return };
    let own = engine.run(&["inspect", "-f", "{{slice .Id 0 12}} {{.NetworkSettings.IPAddress}}", "web"]).unwrap();
    let (name, address) = own.trim().split_once(' ').unwrap();
    let before = engine.run(&["diff", "web"]).unwrap();
    let seen = debug(&engine, &["web", "sh", "-c", "id -u; ls /app; hostname; echo $COLOUR; ip -4 addr; ps"]);
    assert!(seen.starts_with(&format!("0\nsleep\n{name}\nblue\n")), "{seen}");
    assert!(seen.contains(address) && seen.contains("1 1234     /app/sleep 1000"), "{seen}");
    // Programs of its own run, too, and codes come back.
    debug(&engine, &["web", "/app/sleep", "0"]);
    let (code, _, err) = outcome(&engine, &["debug", "web", "nosuch"]);
    assert!(code == 127 && err.contains("nosuch: not found"), "{code} {err}");
    // As another user, without the capabilities that were needed to get there.
    let user = debug(
        &engine,
        &["-u", "1234:5", "-e", "COLOUR=red", "web", "sh", "-c", "id; echo $COLOUR; grep CapEff /proc/self/status"],
    );
    assert!(
        user.starts_with("uid=1234 gid=5") && user.contains("\nred\n") && user.contains("0000000000000000"),
        "{user}"
    );
    let (code, ..) = outcome(&engine, &["debug", "-u", "1234", "web", "touch", "/x"]);
    assert_eq!(code, 1, "its root is not for that user to write");
    assert_eq!(engine.run(&["diff", "web"]).unwrap(), before, "nothing was put into the target");
    let (containers, images) = left(&engine);
    assert_eq!((containers.as_str(), images.as_str()), ("web\n", "busybox scratch teu-debug-tools"));
}

#[test]
fn with_the_tools_of_an_image() {
    let Some(engine) = with_target(&["--network", "none"]) else { return };
    let script = "ls /proc/1/root/app; ls /bin | grep -c sh; ip -o link";
    let seen = debug(&engine, &["--image", "busybox", "--privileged", "web", "sh", "-c", script]);
    assert!(seen.starts_with("sleep\n") && !seen.contains("eth0"), "{seen}");
    let (code, _, err) = outcome(&engine, &["debug", "nosuch"]);
    assert!(code == 1 && err.contains("No such container: nosuch"), "{err}");
    engine.run(&["pause", "web"]).unwrap();
    let (code, _, err) = outcome(&engine, &["debug", "web"]);
    assert_eq!((code, err.as_str()), (1, "cannot debug web: it is paused: unpause it first\n"));
}

#[test]
fn one_that_does_not_run() {
    let Some(engine) = with_target(&["-v", "data:/data"]) else { return };
    debug(&engine, &["web", "sh", "-c", "echo kept >/data/file; echo own >/own"]);
    engine.run(&["stop", "-t", "0", "web"]).unwrap();
    let before = engine.run(&["diff", "web"]).unwrap();
    assert!(before.contains("A /own\n"), "{before}");
    let seen = debug(
        &engine,
        &["web", "sh", "-c", "cat /own /data/file; echo new >/new; cat /new; exec 2>&1; echo x >/data/file; true"],
    );
    assert!(seen.starts_with("own\nkept\nnew\n") && seen.contains("Read-only file system"), "{seen}");
    assert_eq!(engine.run(&["diff", "web"]).unwrap(), before, "the copy was changed, not the container");
    let (containers, images) = left(&engine);
    assert_eq!((containers.as_str(), images.as_str()), ("web\n", "busybox scratch teu-debug-tools"));
    let (code, _, err) = outcome(&engine, &["debug", "--image", "busybox", "web"]);
    assert!(code == 1 && err.contains("--image is for one that does"), "{err}");
}
