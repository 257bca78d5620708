//! Containers where the mount calls of Linux 5.2 and 5.12 are missing, or refused by a filter around the runtime.

use std::collections::BTreeMap;

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use rustix::thread::UnshareFlags;
use serde_json::json;
use teu_sys::mount::{Propagation, set_propagation};
use teu_testkit::filter::{NEW_MOUNT_CALLS, without};

use crate::support::{Bundle, possible};

/// What the container with a mount of each kind says of itself: its mounts, then what it can read and write.
const SCRIPT: &str = "cat /proc/self/mountinfo; echo; cat /proc/sys/kernel/msgmax /own/file /filled/sub/file; \
    for p in / /tree '/tree/be low' /own /run /filled /shared /proc/sys /sys; do touch \"$p/x\" 2>/dev/null && echo can write $p; done; \
    ls /proc/acpi /sys/firmware; cat /proc/timer_list; echo end";

fn bundle() -> Bundle {
    let mut bundle = Bundle::new(SCRIPT);
    for name in ["tree/be low", "own", "rootfs/filled/sub"] {
        std::fs::create_dir_all(bundle.path().join(name)).unwrap();
    }
    std::fs::write(bundle.path().join("file"), "content\n").unwrap();
    std::fs::write(bundle.rootfs().join("filled/sub/file"), "kept\n").unwrap();
    let mounts = [
        json!({"destination": "/tree", "source": "tree", "type": "bind", "options": ["rbind", "rro", "nosuid"]}),
        json!({"destination": "/own", "source": "own", "options": ["bind", "noatime", "nodev"]}),
        json!({"destination": "/own/file", "source": "file", "options": ["bind", "ro", "strictatime"]}),
        json!({"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["ro", "mode=755", "sync"]}),
        json!({"destination": "/filled", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "ro"]}),
        json!({"destination": "/shared", "type": "tmpfs", "source": "t", "options": ["rshared", "size=64k"]}),
    ];
    mounts.into_iter().for_each(|mount| bundle.add_mount(mount));
    bundle.config["root"]["readonly"] = json!(true);
    bundle.config["linux"]["sysctl"] = json!({"kernel.msgmax": "12345"});
    bundle
}

/// Runs the bundle, with a mount below one that it binds, which only this thread and what it starts see.
fn run(bundle: &Bundle) -> String {
    teu_sys::process::unshare(UnshareFlags::NEWNS).unwrap();
    set_propagation(c"/", Propagation::Private, true).unwrap();
    mount("below", bundle.path().join("tree/be low"), "tmpfs", MountFlags::NOEXEC, None).unwrap();
    bundle.output()
}

/// A mount table without the numbers that differ between two containers: what is mounted where, on which mount.
fn normalized(mountinfo: &str, bundle: &Bundle) -> Vec<String> {
    let lines: Vec<Vec<&str>> = mountinfo.lines().map(|line| line.split(' ').collect()).collect();
    let points: BTreeMap<&str, &str> = lines.iter().map(|fields| (fields[0], fields[4])).collect();
    let plain = |field: &&str| field.split_once(':').map_or_else(|| (*field).to_owned(), |(tag, _)| tag.to_owned());
    let line = |fields: &Vec<&str>| {
        let tags = fields[6..].iter().position(|field| *field == "-").unwrap();
        let tags: Vec<String> = fields[6..6 + tags].iter().map(plain).collect();
        let kind = fields[6 + tags.len() + 1..].join(" ");
        let on = points.get(fields[1]).copied().unwrap_or("outside");
        format!("{} {} on {on}: {} {tags:?} {kind}", fields[3], fields[4], fields[5])
    };
    let hidden = [bundle.path().file_name().unwrap().to_str().unwrap(), &bundle.id];
    lines.iter().map(line).map(|l| hidden.iter().fold(l, |l, name| l.replace(name, "BUNDLE"))).collect()
}

fn compare(refused: &[&str], errno: Errno) {
    let (new, old) = (bundle(), bundle());
    let expected = without(&["uselib"], errno, || run(&new));
    let found = without(refused, errno, || run(&old));
    let (expected, found) = (expected.split_once("\n\n").unwrap(), found.split_once("\n\n").unwrap());
    assert!(expected.1.starts_with("12345\ncontent\nkept\ncan write /own\ncan write /shared\n"), "{}", expected.1);
    assert_eq!(found.1, expected.1);
    let (mut wanted, mut table) = (normalized(expected.0, &new), normalized(found.0, &old));
    wanted.sort();
    table.sort();
    assert!(wanted.iter().any(|line| line.contains("be\\040low on /tree: ro,noexec")), "{wanted:#?}");
    assert_eq!(table, wanted);
}

#[test]
fn old_calls_make_the_same_mounts() {
    if !possible() {
        return;
    }
    compare(&NEW_MOUNT_CALLS, Errno::NOSYS);
    // As filters of container engines answer.
    compare(&NEW_MOUNT_CALLS, Errno::PERM);
}

#[test]
fn attributes_are_set_without_their_call() {
    if !possible() {
        return;
    }
    // Linux 5.2 to 5.11.
    compare(&["mount_setattr"], Errno::NOSYS);
}

#[test]
fn what_old_calls_cannot_do_is_refused() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("true");
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": 10}]);
    let mut mapped = json!({"destination": "/mapped", "source": bundle.path(), "options": ["bind"]});
    mapped["uidMappings"] = map.clone();
    mapped["gidMappings"] = map;
    bundle.add_mount(mapped);
    let message = without(&["mount_setattr"], Errno::NOSYS, || bundle.failure());
    assert!(message.contains("mount /mapped has an id mapping, which needs"), "{message}");
}
