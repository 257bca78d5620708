//! Images: in, out, listed, named, removed.

use crate::support::{BUSYBOX, busybox, engine, feed, inspect, outcome, sh, text};
use teu_testkit::image::{Image, Layer};
use teu_testkit::registry::{Behaviour, Registry, digest_of};

#[test]
fn load_tag_save_and_remove() {
    let Some(engine) = engine() else { return };
    assert_eq!(engine.run(&["images", "--format", "{{.Repository}}:{{.Tag}}"]).unwrap(), "busybox:latest\n");
    engine.run(&["tag", BUSYBOX, "other:1.0"]).unwrap();
    let saved = engine.output(&["save", BUSYBOX, "other:1.0"]).unwrap().stdout;
    let id = engine.run(&["images", "-q", "--no-trunc", "busybox"]).unwrap();
    let out = engine.run(&["rmi", BUSYBOX]).unwrap();
    assert_eq!(out, "Untagged: busybox:latest\n");
    let out = engine.run(&["rmi", "other:1.0"]).unwrap();
    assert!(out.starts_with("Untagged: other:1.0\nDeleted: sha256:"), "{out}");
    assert_eq!(engine.run(&["images", "-q"]).unwrap(), "");
    let loaded = feed(engine.teu().arg("load"), &saved);
    assert_eq!(text(&loaded.stdout), "Loaded image: busybox:latest\nLoaded image: other:1.0\n");
    assert_eq!(engine.run(&["images", "-q", "--no-trunc", "busybox"]).unwrap(), id, "the same image came back");
    assert_eq!(sh(&engine, &[], "echo works"), "works\n");
}

#[test]
fn images_in_use_stay() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    let (code, _, err) = outcome(&engine, &["rmi", BUSYBOX]);
    assert_eq!(code, 1);
    assert!(err.contains("must force") && err.contains("is using its referenced image"), "{err}");
    let (code, _, err) = outcome(&engine, &["rmi", "nosuch:1"]);
    assert_eq!(code, 1);
    assert!(err.contains("No such image: nosuch:1"), "{err}");
}

#[test]
fn import_with_changes_and_history() {
    let Some(engine) = engine() else { return };
    let tar = Layer::new().file("etc/motd", 0o644, "imported").finish();
    let changes = ["-c", "ENV A=b", "-c", "CMD [\"cat\",\"/etc/motd\"]", "-m", "by hand"];
    let arguments = [&["import"], &changes[..], &["-", "imported:1"]].concat();
    let output = feed(engine.teu().args(&arguments), &tar);
    assert!(text(&output.stdout).starts_with("sha256:"), "{}", text(&output.stderr));
    assert_eq!(
        inspect(&engine, "imported:1", "{{json .Config.Cmd}} {{json .Config.Env}}"),
        "[\"cat\",\"/etc/motd\"] [\"A=b\"]"
    );
    let history = engine.run(&["history", "--format", "{{.Comment}}", "imported:1"]).unwrap();
    assert_eq!(history.trim(), "by hand");
}

#[test]
fn layers_hide_and_replace() {
    let Some(engine) = engine() else { return };
    let image = teu_testkit::image::busybox("layers:1")
        .unwrap()
        .layer(
            Layer::new()
                .dir("d", 0o755)
                .file("d/gone", 0o644, "1")
                .file("d/kept", 0o644, "2")
                .file("f", 0o644, "old")
                .finish(),
        )
        .layer(Layer::new().whiteout("d/gone").file("f", 0o644, "new").finish())
        .layer(Layer::new().opaque("home").symlink("link", "/f").finish());
    assert!(feed(engine.teu().arg("load"), &image.docker_archive()).status.success());
    let script = "ls /d; cat /f; echo; cat /link; echo; echo w >/d/gone && cat /d/gone; rm /f; ls /f 2>&1 | wc -l";
    let out = engine.run(&["run", "--rm", "layers:1", "sh", "-c", script]).unwrap();
    assert_eq!(out, "kept\nnew\nnew\nw\n1\n");
    // Nothing of that went into the image.
    assert_eq!(engine.run(&["run", "--rm", "layers:1", "cat", "/f"]).unwrap(), "new");
}

#[test]
fn broken_archives_leave_nothing() {
    let Some(engine) = engine() else { return };
    let before = engine.run(&["images", "-aq"]).unwrap();
    for archive in
        [&b"no tar at all"[..], &busybox()[..100_000], &Layer::new().file("manifest.json", 0o644, "[{").finish()]
    {
        let output = feed(engine.teu().arg("load"), archive);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
        assert!(!output.stderr.is_empty());
    }
    // Docker answers that in the stream, where its clients look for it.
    for body in ["no tar at all", ""] {
        let answer = crate::api::post(&engine, "/v1.45/images/load?quiet=1", body);
        let told = answer.json();
        assert_eq!(answer.status, 200, "{told}");
        assert!(told["error"].as_str().is_some_and(|error| error == told["errorDetail"]["message"]), "{told}");
    }
    assert_eq!(engine.run(&["images", "-aq"]).unwrap(), before);
}

#[test]
fn pull_from_a_registry() {
    let Some(engine) = engine() else { return };
    let registry =
        Registry::start_in(&engine.host, Behaviour { break_after: Some(300_000), ..Behaviour::default() }).unwrap();
    let image =
        Image::new("app").layer(teu_testkit::image::busybox("x").unwrap().layers()[0].clone()).cmd(&["echo", "pulled"]);
    let digest = push(&registry, "v1", &image);
    let reference = format!("{}/team/app:v1", registry.domain());
    let out = engine.run(&["pull", &reference]).unwrap();
    assert!(out.contains(&format!("Digest: {digest}")), "{out}");
    assert!(out.contains(&format!("Status: Downloaded newer image for {reference}")), "{out}");
    let out = engine.run(&["pull", &reference]).unwrap();
    assert!(out.contains("Image is up to date"), "{out}");
    assert_eq!(engine.run(&["run", "--rm", &reference]).unwrap(), "pulled\n");
    let (code, _, err) = outcome(&engine, &["pull", &format!("{}/team/app:nope", registry.domain())]);
    assert_eq!(code, 1);
    assert!(err.contains("not found") && err.contains("manifest unknown"), "{err}");
}

#[test]
fn all_tags_of_a_repository() {
    let Some(engine) = engine() else { return };
    let paged = Behaviour { tags_per_page: Some(1), ..Behaviour::default() };
    let registry = Registry::start_in(&engine.host, paged).unwrap();
    let shared = teu_testkit::image::busybox("x").unwrap().layers()[0].clone();
    let one = Image::new("app").layer(shared.clone()).cmd(&["echo", "one"]);
    let two = Image::new("app").layer(shared).layer(Layer::new().file("two", 0o644, "2").finish()).cmd(&["cat", "two"]);
    let (first, second) = (push(&registry, "v1", &one), push(&registry, "v2", &two));
    let repository = format!("{}/team/app", registry.domain());
    let out = engine.run(&["pull", "-a", &repository]).unwrap();
    let lines: Vec<&str> = out.lines().collect();
    let place = |line: &str| lines.iter().position(|found| *found == line).unwrap_or_else(|| panic!("{line}:\n{out}"));
    assert!(place("v1: Pulling from team/app") < place(&format!("Digest: {first}")), "{out}");
    assert!(place(&format!("Digest: {first}")) < place("v2: Pulling from team/app"), "{out}");
    assert!(place("v2: Pulling from team/app") < place(&format!("Digest: {second}")), "{out}");
    // The layer is busybox's, which is here: it is not pulled, and said to be so once for each image.
    assert_eq!(lines.iter().filter(|line| line.ends_with(": Already exists")).count(), 2, "{out}");
    assert_eq!(lines.iter().filter(|line| line.ends_with(": Pulling fs layer")).count(), 1, "{out}");
    place(&format!("Status: Downloaded newer image for {repository}"));
    assert_eq!(engine.run(&["run", "--rm", &format!("{repository}:v2")]).unwrap(), "2");
    let again = engine.run(&["pull", "-a", &repository]).unwrap();
    assert!(!again.contains("Already exists") && again.contains("Image is up to date"), "{again}");
    let (code, _, err) = outcome(&engine, &["pull", "-a", &format!("{}/nope", registry.domain())]);
    assert_eq!(code, 1);
    assert!(err.contains("/nope not found: name unknown"), "{err}");
}

#[test]
fn a_registry_that_wants_a_login_is_no_reason_to_ask_for_one() {
    let Some(engine) = engine() else { return };
    let demanded = Some(("ann".to_owned(), "secret".to_owned()));
    let registry = Registry::start_in(&engine.host, Behaviour { basic: demanded, ..Behaviour::default() }).unwrap();
    push(&registry, "v1", &teu_testkit::image::busybox("x").unwrap());
    let reference = format!("{}/team/app:v1", registry.domain());
    let (code, _, err) = outcome(&engine, &["pull", &reference]);
    assert_eq!(code, 1);
    assert!(err.contains("no basic auth credentials"), "{err}");
    let config = engine.host.path("config");
    std::fs::create_dir_all(&config).unwrap();
    let auth = format!(r#"{{"auths":{{"{}":{{"auth":"YW5uOnNlY3JldA=="}}}}}}"#, registry.domain());
    std::fs::write(config.join("config.json"), auth).unwrap();
    engine.run(&["pull", &reference]).unwrap();
}

#[test]
fn a_corrupt_layer_is_refused() {
    let Some(engine) = engine() else { return };
    let registry = Registry::start_in(&engine.host, Behaviour { corrupt_blobs: true, ..Behaviour::default() }).unwrap();
    push(&registry, "v1", &teu_testkit::image::busybox("x").unwrap());
    let reference = format!("{}/team/app:v1", registry.domain());
    let (code, _, err) = outcome(&engine, &["pull", &reference]);
    assert_eq!(code, 1);
    assert!(!err.is_empty());
    assert_eq!(outcome(&engine, &["image", "inspect", &reference]).0, 1);
}

fn push(registry: &Registry, tag: &str, image: &Image) -> String {
    let config = image.config();
    let layers: Vec<_> = image
        .layers()
        .iter()
        .map(|layer| {
            let blob = teu_testkit::image::gzip(layer);
            let (size, digest) = (blob.len(), registry.add_blob("team/app", blob));
            format!(
                r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":{size},"digest":"{digest}"}}"#
            )
        })
        .collect();
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","size":{},"digest":"{}"}},"layers":[{}]}}"#,
        config.len(),
        digest_of(&config),
        layers.join(",")
    );
    registry.add_blob("team/app", config);
    registry.add_manifest("team/app", tag, media_type, manifest.into_bytes())
}
