use std::os::unix::fs::symlink;

use serde_json::json;

use crate::support::{Bundle, possible};

#[test]
fn binds_have_their_options() {
    if !possible() {
        return;
    }
    let mut bundle =
        Bundle::new("cat /etc/file; touch /data/x 2>&1; touch /rw/y && ls /rw; grep /data /proc/self/mountinfo");
    let data = bundle.path().join("data");
    let rw = bundle.path().join("rw");
    std::fs::create_dir(&data).unwrap();
    std::fs::create_dir(&rw).unwrap();
    std::fs::write(data.join("file"), "content\n").unwrap();
    let options = json!(["rbind", "ro", "nosuid", "nodev"]);
    bundle.add_mount(json!({"destination": "/data", "source": data, "type": "bind", "options": options}));
    // A relative source starts from the bundle.
    bundle.add_mount(json!({"destination": "/etc/file", "source": "data/file", "options": ["bind"]}));
    bundle.add_mount(json!({"destination": "/rw", "source": "rw", "options": ["rbind"]}));
    let output = bundle.output();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "content");
    assert!(lines[1].contains("Read-only file system"), "{output}");
    assert_eq!(lines[2], "y");
    assert!(lines[3].contains("ro,nosuid,nodev"), "{output}");
    assert!(rw.join("y").exists());
}

#[test]
fn links_in_the_image_do_not_lead_out() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("cat /link/file; cat /dangling/sub/marker");
    let outside = bundle.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    symlink(&outside, bundle.rootfs().join("link")).unwrap();
    symlink("../../../run/made", bundle.rootfs().join("dangling")).unwrap();
    std::fs::write(bundle.path().join("file"), "inside\n").unwrap();
    let source = bundle.path().join("file");
    bundle.add_mount(json!({"destination": "/link/file", "source": source, "options": ["bind"]}));
    bundle.add_mount(json!({"destination": "/dangling/sub", "type": "tmpfs", "source": "tmpfs"}));
    bundle.add_mount(json!({"destination": "/dangling/sub/marker", "source": source, "options": ["bind"]}));
    assert_eq!(bundle.output(), "inside\ninside");
    assert!(std::fs::read_dir(&outside).unwrap().next().is_none());
    assert!(bundle.rootfs().join("run/made/sub").is_dir());
}

#[test]
fn proc_and_sys_cannot_be_links_and_proc_cannot_be_mounted_over() {
    if !possible() {
        return;
    }
    for name in ["proc", "sys"] {
        let bundle = Bundle::new("true");
        std::fs::create_dir(bundle.rootfs().join("elsewhere")).unwrap();
        symlink("elsewhere", bundle.rootfs().join(name)).unwrap();
        let error = bundle.failure();
        assert!(error.contains("must be mounted on ordinary directory"), "{error}");
    }
    let mut bundle = Bundle::new("true");
    bundle.add_mount(json!({"destination": "/proc/self/attr", "type": "tmpfs", "source": "tmpfs"}));
    assert!(bundle.failure().contains("inside /proc"));
}

#[test]
fn a_tmpfs_is_filled_and_made_read_only() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("cat /data/file; touch /data/x 2>&1; stat -c %a /data; grep -c tmpfs /proc/mounts");
    std::fs::create_dir(bundle.rootfs().join("data")).unwrap();
    std::fs::write(bundle.rootfs().join("data/file"), "copied\n").unwrap();
    let options = json!(["tmpcopyup", "ro", "mode=1755"]);
    bundle.add_mount(json!({"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": options}));
    let output = bundle.output();
    assert!(output.starts_with("copied\n"), "{output}");
    assert!(output.contains("Read-only file system"), "{output}");
}

#[test]
fn recursive_options_reach_mounts_beneath() {
    if !possible() {
        return;
    }
    // A mount beneath the source is made in a namespace of its own: by the host side of another container.
    let mut bundle = Bundle::new("grep ' /all' /proc/self/mountinfo");
    bundle.add_mount(json!({"destination": "/all", "source": "/sys", "options": ["rbind", "rro", "rnosuid"]}));
    let output = bundle.output();
    assert!(output.lines().count() > 1, "{output}");
    assert!(output.lines().all(|l| l.contains(" ro,nosuid")), "{output}");
}

#[test]
fn a_refused_mount_is_explained() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("true");
    bundle.add_mount(json!({"destination": "/x", "type": "tmpfs", "source": "tmpfs", "options": ["size=nonsense"]}));
    let error = bundle.failure();
    assert!(error.contains("mount tmpfs on /x") && error.contains("size"), "{error}");
    let mut bundle = Bundle::new("true");
    bundle.add_mount(json!({"destination": "/x", "source": "/does/not/exist", "options": ["bind"]}));
    let error = bundle.failure();
    assert!(error.contains("bind mount source /does/not/exist: no such file or directory"), "{error}");
}

#[test]
fn devices_are_what_they_should_be() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new(
        "stat -c '%n %t %T %a' /dev/null /dev/own; readlink /dev/stdin; readlink /dev/ptmx; echo x > /dev/null",
    );
    bundle.config["linux"]["devices"] =
        json!([{"path": "/dev/own", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 3, "gid": 4}]);
    let output = bundle.output();
    assert_eq!(output, "/dev/null 1 3 666\n/dev/own 1 5 640\n/proc/self/fd/0\npts/ptmx");
}

#[test]
fn the_containers_own_cgroup_is_seen() {
    if !possible() {
        return;
    }
    let output =
        Bundle::new("grep -c cgroup /proc/mounts; ls /sys/fs/cgroup; grep -v ':/$' /proc/self/cgroup; true").output();
    let mounts: u32 = output.lines().next().unwrap().parse().unwrap();
    assert!(mounts >= 1, "{output}");
    assert!(!output.contains("teu-test"), "{output}");
}

#[test]
fn the_mount_table_has_the_order_of_the_configuration() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("grep ' /ordered' /proc/self/mountinfo");
    let source = bundle.path().join("source");
    std::fs::create_dir(&source).unwrap();
    for (number, bind) in [false, true, false, true].into_iter().enumerate() {
        let destination = format!("/ordered/{number}");
        bundle.add_mount(match bind {
            true => json!({"destination": destination, "source": source, "options": ["bind"]}),
            false => json!({"destination": destination, "type": "tmpfs", "source": "tmpfs"}),
        });
    }
    let output = bundle.output();
    let points: Vec<&str> = output.lines().map(|line| line.split(' ').nth(4).unwrap()).collect();
    assert_eq!(points, ["/ordered/0", "/ordered/1", "/ordered/2", "/ordered/3"]);
}
