//! `cp`: out of containers, into them, between them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use teu_testkit::engine::Engine;

use crate::support::{BUSYBOX, engine, feed, outcome, text};

/// A folder of the test's own, and a container named `web` in one of its states.
struct Stage {
    engine: Engine,
    folder: PathBuf,
}

fn stage(verbs: &[&[&str]]) -> Option<Stage> {
    let engine = engine()?;
    for verb in verbs {
        engine.run(verb).unwrap();
    }
    let folder = engine.host.path("local");
    fs::create_dir(&folder).unwrap();
    Some(Stage { engine, folder })
}

impl Stage {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn cp(&self, from: &str, to: &str) {
        self.engine.run(&["cp", from, to]).unwrap_or_else(|error| panic!("cp {from} {to}: {error:#}"));
    }

    fn fails(&self, from: &str, to: &str, reason: &str) {
        let (code, _, err) = outcome(&self.engine, &["cp", from, to]);
        assert_eq!(code, 1, "cp {from} {to}");
        assert!(err.contains(reason), "cp {from} {to}: {err}");
    }

    fn write(&self, name: &str, content: &str) -> String {
        fs::write(self.folder.join(name), content).unwrap();
        self.path(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

const RUN: &[&str] = &["run", "-d", "--name", "web", "-v", "data:/data", BUSYBOX, "sleep", "1000"];
const CREATE: &[&str] = &["create", "--name", "web", "-v", "data:/data", BUSYBOX, "cat", "/tmp/file", "/data/file"];

#[test]
fn in_every_state_and_through_volumes() {
    let Some(stage) = stage(&[CREATE]) else { return };
    let file = stage.write("file", "text\n");
    let states: [(&str, &[&[&str]]); 4] = [
        ("created", &[]),
        ("exited", &[&["start", "-a", "web"]]),
        ("running", &[&["rm", "web"], RUN]),
        ("paused", &[&["pause", "web"]]),
    ];
    for (state, verbs) in states {
        for verb in verbs {
            // What the container prints is what was copied into it.
            let out = stage.engine.run(verb).unwrap();
            assert!(verb[0] != "start" || out == "text\ntext\n", "{out}");
        }
        stage.cp(&file, "web:/tmp/file");
        stage.cp(&file, "web:/data");
        for path in ["/tmp/file", "/data/file"] {
            stage.cp(&format!("web:{path}"), &stage.path(state));
            assert_eq!(stage.read(state), "text\n", "{state}: {path}");
        }
    }
    stage.engine.run(&["unpause", "web"]).unwrap();
    assert_eq!(stage.engine.run(&["exec", "web", "cat", "/tmp/file", "/data/file"]).unwrap(), "text\ntext\n");
}

#[test]
fn names_follow_dockers_rules() {
    let Some(stage) = stage(&[RUN]) else { return };
    fs::create_dir_all(stage.folder.join("dir/sub")).unwrap();
    let file = stage.write("dir/sub/f", "1");
    let dir = stage.path("dir");
    let find = |path: &str| stage.engine.run(&["exec", "web", "find", path]).unwrap();
    stage.engine.run(&["exec", "web", "mkdir", "/there"]).unwrap();
    stage.cp(&dir, "web:/there");
    stage.cp(&format!("{dir}/."), "web:/there");
    stage.cp(&dir, "web:/new");
    stage.cp(&format!("{dir}/."), "web:/content");
    stage.cp(&file, "web:/there/g");
    stage.cp(&file, "web:/there/");
    let mut found: Vec<String> = find("/there").lines().map(str::to_owned).collect();
    found.sort();
    let expected = [
        "/there",
        "/there/dir",
        "/there/dir/sub",
        "/there/dir/sub/f",
        "/there/f",
        "/there/g",
        "/there/sub",
        "/there/sub/f",
    ];
    assert_eq!(found, expected);
    assert_eq!(find("/new"), "/new\n/new/sub\n/new/sub/f\n");
    assert_eq!(find("/content"), "/content\n/content/sub\n/content/sub/f\n");
    stage.fails(&file, "web:/nowhere/", "no such directory");
    stage.fails(&file, "web:/nowhere/x", "Could not find the file /nowhere in container web");
    stage.fails(&dir, "web:/there/f", "cannot copy directory");
    stage.fails("web:/nowhere", &dir, "Could not find the file /nowhere in container web");
    stage.fails("nosuch:/x", &dir, "No such container: nosuch");
    stage.fails(&stage.path("none"), "web:/", "no such file or directory");
    stage.fails(&file, &dir, "must specify at least one container source");
    // And out again.
    stage.cp("web:/new", &stage.path("out"));
    stage.cp("web:/new/.", &dir);
    stage.cp("web:/there/g", &format!("{dir}/h"));
    assert_eq!([stage.read("out/sub/f"), stage.read("dir/sub/f"), stage.read("dir/h")], ["1", "1", "1"]);
}

#[test]
fn owners_permissions_and_times() {
    let Some(stage) = stage(&[&["run", "-d", "--name", "web", "-u", "7:8", BUSYBOX, "sleep", "1000"]]) else { return };
    let file = stage.write("file", "x");
    std::os::unix::fs::chown(&file, Some(1234), Some(5678)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o4751)).unwrap();
    let stat = |path: &str| stage.engine.run(&["exec", "-u", "0", "web", "stat", "-c", "%u:%g %a %Y", path]).unwrap();
    let time = fs::metadata(&file).unwrap().mtime();
    stage.cp(&file, "web:/tmp/plain");
    stage.engine.run(&["cp", "-a", &file, "web:/tmp/own"]).unwrap();
    assert_eq!(stat("/tmp/plain"), format!("1234:5678 4751 {time}\n"));
    assert_eq!(stat("/tmp/own"), format!("7:8 4751 {time}\n"));
    stage.cp("web:/tmp/plain", &stage.path("back"));
    stage.engine.run(&["cp", "-a", "web:/tmp/plain", &stage.path("kept")]).unwrap();
    let owner = |name: &str| fs::metadata(stage.folder.join(name)).map(|m| (m.uid(), m.mtime())).unwrap();
    assert_eq!((owner("back"), owner("kept")), ((0, time), (1234, time)));
}

#[test]
fn links_do_not_lead_out_of_the_container() {
    let Some(stage) = stage(&[RUN]) else { return };
    let secret = stage.write("secret", "secret");
    let folder = stage.path("");
    let script = format!("ln -s {secret} /tmp/file; ln -s {folder} /tmp/dir; ln -s /etc /tmp/etc; mkdir -p {folder}");
    stage.engine.run(&["exec", "web", "sh", "-c", &script]).unwrap();
    // The link itself, unless it is asked to be followed: then what is there in the container.
    stage.cp("web:/tmp/file", &stage.path("link"));
    assert_eq!(fs::read_link(stage.folder.join("link")).unwrap().to_string_lossy(), secret);
    fs::remove_file(stage.folder.join("link")).unwrap();
    let (code, _, err) = outcome(&stage.engine, &["cp", "-L", "web:/tmp/file", &stage.path("link")]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("Could not find the file"), "{err}");
    stage.engine.run(&["cp", "-L", "web:/tmp/etc", &stage.path("etc")]).unwrap();
    assert!(stage.read("etc/passwd").contains("root"));
    // Into a link: the folder of that name in the container.
    let other = stage.write("other", "other");
    stage.cp(&other, "web:/tmp/dir/planted");
    assert!(!stage.folder.join("planted").exists());
    let inside = format!("{folder}planted");
    assert_eq!(stage.engine.run(&["exec", "web", "cat", &inside]).unwrap(), "other");
    // An archive that brings its link along.
    let tar = tar_of_link_and_file(&folder);
    assert!(feed(stage.engine.teu().args(["cp", "-", "web:/tmp"]), &tar).status.success());
    assert!(!stage.folder.join("evil").exists());
    // A local link is copied as one, or followed.
    symlink(&secret, stage.folder.join("local")).unwrap();
    stage.cp(&stage.path("local"), "web:/tmp/local");
    stage.engine.run(&["cp", "-L", &stage.path("local"), "web:/tmp/followed"]).unwrap();
    let kinds = stage.engine.run(&["exec", "web", "stat", "-c", "%F", "/tmp/local", "/tmp/followed"]).unwrap();
    assert_eq!(kinds, "symbolic link\nregular file\n");
}

/// `link -> folder`, then a file below it.
fn tar_of_link_and_file(folder: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "escape", folder).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(1);
    tar.append_data(&mut header, "escape/evil", &b"x"[..]).unwrap();
    tar.into_inner().unwrap()
}

#[test]
fn archives_on_standard_streams() {
    let Some(stage) = stage(&[RUN]) else { return };
    let out = stage.engine.output(&["cp", "web:/etc/passwd", "-"]).unwrap();
    let mut archive = tar::Archive::new(out.stdout.as_slice());
    let names: Vec<_> = archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().into_owned()).collect();
    assert_eq!(names, [PathBuf::from("passwd")]);
    let copied = feed(stage.engine.teu().args(["cp", "-", "web:/data"]), &out.stdout);
    assert!(copied.status.success(), "{}", text(&copied.stderr));
    let packed = feed(std::process::Command::new("gzip").arg("-c"), &out.stdout);
    assert!(feed(stage.engine.teu().args(["cp", "-", "web:/tmp"]), &packed.stdout).status.success());
    let script = "cmp /etc/passwd /data/passwd && cmp /etc/passwd /tmp/passwd && echo same";
    assert_eq!(stage.engine.run(&["exec", "web", "sh", "-c", script]).unwrap(), "same\n");
    let refused = feed(stage.engine.teu().args(["cp", "-", "web:/etc/passwd"]), &out.stdout);
    assert!(text(&refused.stderr).contains("destination \"web:/etc/passwd\" must be a directory"));
    let broken = feed(stage.engine.teu().args(["cp", "-", "web:/tmp"]), &out.stdout[..600]);
    assert_eq!(broken.status.code(), Some(1), "half an archive is an error");
}

#[test]
fn between_containers() {
    let Some(stage) = stage(&[RUN, &["create", "--name", "other", BUSYBOX, "find", "/etc2", "/copy"]]) else { return };
    stage.cp("web:/etc", "other:/etc2");
    stage.cp("web:/etc/passwd", "other:/copy");
    let found = stage.engine.run(&["start", "-a", "other"]).unwrap();
    assert!(found.contains("/etc2/passwd\n") && found.ends_with("/copy\n"), "{found}");
    stage.fails("web:/etc/none", "other:/", "Could not find the file /etc/none in container web");
    stage.fails("web:/etc", "nosuch:/", "No such container: nosuch");
}

#[test]
fn what_is_read_only_stays_so() {
    let run =
        &["run", "-d", "--name", "web", "--read-only", "-v", "data:/data:ro", "-v", "rw:/rw", BUSYBOX, "sleep", "1000"];
    let Some(stage) = stage(&[run.as_slice()]) else { return };
    let file = stage.write("file", "x");
    for state in ["running", "stopped"] {
        stage.fails(&file, "web:/tmp", "container rootfs is marked read-only");
        stage.fails(&file, "web:/data", "mounted volume is marked read-only");
        stage.cp(&file, "web:/rw");
        if state == "running" {
            stage.engine.run(&["stop", "-t", "0", "web"]).unwrap();
        }
    }
}

#[test]
fn a_start_in_the_middle_of_a_copy_sees_the_same_files() {
    let Some(stage) = stage(&[&["create", "--name", "web", BUSYBOX, "sh", "-c", "cat /tmp/a; sleep 1000"]]) else {
        return;
    };
    use std::io::Write as _;
    let mut copy =
        stage.engine.teu().args(["cp", "-", "web:/tmp"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    for name in ["a", "b"] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(700_000);
        tar.append_data(&mut header, name, vec![b'x'; 700_000].as_slice()).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    let mut stdin = copy.stdin.take().unwrap();
    // Enough that the first file is complete in the container.
    stdin.write_all(&tar[..1_000_000]).unwrap();
    stdin.flush().unwrap();
    while !stage.engine.output(&["cp", "web:/tmp/b", "-"]).unwrap().status.success() {
        assert_eq!(copy.try_wait().unwrap(), None, "the copy waits for its end");
    }
    stage.engine.run(&["start", "web"]).unwrap();
    stdin.write_all(&tar[1_000_000..]).unwrap();
    drop(stdin);
    assert!(copy.wait().unwrap().success());
    let sizes = stage.engine.run(&["exec", "web", "stat", "-c", "%s", "/tmp/a", "/tmp/b"]).unwrap();
    assert_eq!(sizes, "700000\n700000\n");
}
