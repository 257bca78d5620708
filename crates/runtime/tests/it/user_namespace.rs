use std::os::unix::fs::MetadataExt;

use serde_json::json;

use crate::support::{Bundle, possible, text};

fn mapped(script: &str) -> Bundle {
    let mut bundle = Bundle::new(script);
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65_536}]);
    bundle.config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
    bundle.config["linux"]["uidMappings"] = map.clone();
    bundle.config["linux"]["gidMappings"] = map;
    // The image belongs to the container's root, and can be reached by it.
    for path in [bundle.path().to_owned(), bundle.rootfs()] {
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    std::os::unix::fs::chown(bundle.rootfs(), Some(100_000), Some(100_000)).unwrap();
    bundle
}

#[test]
fn ids_are_mapped_and_devices_work() {
    if !possible() {
        return;
    }
    let bundle =
        mapped("id -u; cat /proc/self/uid_map | grep -c 100000; echo x > /dev/null; touch /made; stat -c %u /made");
    assert_eq!(bundle.output(), "0\n1\n0");
    assert_eq!(std::fs::metadata(bundle.rootfs().join("made")).unwrap().uid(), 100_000);
}

#[test]
fn exec_joins_the_user_namespace() {
    if !possible() {
        return;
    }
    let bundle = mapped("exec sleep 1000");
    bundle.start();
    assert_eq!(bundle.exec("id -u; touch /by-exec"), "0");
    assert_eq!(std::fs::metadata(bundle.rootfs().join("by-exec")).unwrap().uid(), 100_000);
}

#[test]
fn a_private_image_is_still_reached() {
    if !possible() {
        return;
    }
    let bundle = mapped("echo reached");
    std::fs::set_permissions(bundle.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(bundle.output(), "reached");
}

#[test]
fn another_containers_namespaces_can_be_joined() {
    if !possible() {
        return;
    }
    let first = mapped("exec sleep 1000");
    first.start();
    let pid = first.state()["pid"].to_string();
    let mut second = mapped("id -u; set -- /proc/[0-9]*; echo $#; readlink /proc/self/ns/user");
    let linux = second.config["linux"].as_object_mut().unwrap();
    linux.remove("uidMappings");
    linux.remove("gidMappings");
    for namespace in linux["namespaces"].as_array_mut().unwrap() {
        let file = match namespace["type"].as_str().unwrap() {
            "user" => "user",
            "network" => "net",
            "ipc" => "ipc",
            _ => continue,
        };
        namespace["path"] = json!(format!("/proc/{pid}/ns/{file}"));
    }
    let output = second.run();
    let link = std::fs::read_link(format!("/proc/{pid}/ns/user")).unwrap();
    let expected = format!("0\n1\n{}\n", link.display());
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{}", text(&output));
}

#[test]
fn so_can_its_process_ids() {
    if !possible() {
        return;
    }
    let first = mapped("exec sleep 1000");
    first.start();
    let pid = first.state()["pid"].to_string();
    let mut second = mapped("id -u; cat /proc/1/comm");
    let linux = second.config["linux"].as_object_mut().unwrap();
    linux.remove("uidMappings");
    linux.remove("gidMappings");
    for namespace in linux["namespaces"].as_array_mut().unwrap() {
        let kind = namespace["type"].as_str().unwrap().to_owned();
        if ["user", "pid"].contains(&kind.as_str()) {
            namespace["path"] = json!(format!("/proc/{pid}/ns/{kind}"));
        }
    }
    let output = second.run();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\nsleep\n", "{}", text(&output));
}

#[test]
fn an_id_mapped_mount_shows_other_owners() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("stat -c %u /mapped/file");
    let data = bundle.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("file"), "").unwrap();
    let map = json!([{"containerID": 0, "hostID": 1000, "size": 10}]);
    bundle.add_mount(json!({"destination": "/mapped", "source": data, "options": ["rbind", "idmap"],
        "uidMappings": map, "gidMappings": map}));
    assert_eq!(bundle.output(), "1000");
}

#[test]
fn clock_offsets_can_be_set_in_it() {
    if !possible() {
        return;
    }
    let mut bundle = mapped("grep -c 1000 /proc/self/timens_offsets");
    bundle.config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "time"}));
    bundle.config["linux"]["timeOffsets"] = json!({"monotonic": {"secs": 1000}});
    assert_eq!(bundle.output(), "1");
}
