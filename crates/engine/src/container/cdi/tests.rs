use std::path::PathBuf;

use teu_api::container::{DeviceRequest, HostConfig};
use teu_oci::runtime::{Process, Spec};

use super::edits;

const FILE: &str = r#"{"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": [
    {"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/gpu0", "hostPath": "/dev/null", "permissions": "rw"}]}},
    {"name": "all", "containerEdits": {"env": ["WHICH=all"]}}],
    "containerEdits": {"env": ["GPU=yes"], "mounts": [{"hostPath": "/lib/gpu", "containerPath": "/gpu"}],
        "hooks": [{"hookName": "createContainer", "path": "/bin/hook", "args": ["hook", "x"]}]}}"#;

const YAML: &str = r#"
# As vendors' tools write them.
cdiVersion: 0.7.0
kind: "vendor.com/class"
containerEdits:
  additionalGids: [0, 44, 5]
devices:
- name: disk
  containerEdits:
    deviceNodes:
    - {path: /dev/mine, type: b, major: 7, minor: 5, fileMode: 384, uid: 3, permissions: r}
    - path: /dev/pipe
      type: p
    env:
    - PATH=/vendor/bin
    mounts:
    - hostPath: /lib/vendor
      containerPath: /vendor
      type: bind
      options: [ro, nosuid, bind]
- name: cache
  containerEdits:
    intelRdt: {closID: x}
- name: "7"
  containerEdits:
    deviceNodes:
    - {path: /dev/null, type: b}
"#;

fn host(driver: &str, count: i64, ids: &[&str]) -> HostConfig {
    let request = DeviceRequest {
        driver: driver.to_owned(),
        count,
        device_ids: (!ids.is_empty()).then(|| ids.iter().map(|id| (*id).to_owned()).collect()),
        capabilities: (driver != "cdi").then(|| vec![vec!["gpu".to_owned()]]),
        ..DeviceRequest::default()
    };
    HostConfig { device_requests: Some(vec![request]), ..HostConfig::default() }
}

fn applied(host: &HostConfig, folders: &[PathBuf]) -> Result<Spec, String> {
    let process = Process { env: vec!["PATH=/bin".to_owned(), "A=b".to_owned()], ..Process::default() };
    let mut spec = Spec { process: Some(process), ..Spec::default() };
    for edit in edits(host, folders).map_err(|error| error.to_string())? {
        edit.apply(&mut spec).map_err(|error| error.to_string())?;
    }
    Ok(spec)
}

#[test]
fn devices_by_name_and_gpus() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("nvidia.json"), FILE).expect("written");
    std::fs::write(folder.path().join("broken.json"), "{").expect("written");
    let folders = [PathBuf::from("/nowhere"), folder.path().to_owned()];
    let one = applied(&host("cdi", 0, &["nvidia.com/gpu=0"]), &folders).expect("applied");
    let linux = one.linux.expect("linux");
    assert_eq!((linux.devices[0].path.to_str(), linux.devices[0].major), (Some("/dev/gpu0"), 1));
    assert_eq!(linux.resources.expect("resources").devices[0].access, "rw");
    assert_eq!(one.mounts[0].destination.to_str(), Some("/gpu"));
    assert_eq!(one.hooks.expect("hooks").create_container[0].args, ["hook", "x"]);
    for (count, ids) in [(-1, &[][..]), (0, &["all"])] {
        let all = applied(&host("", count, ids), &folders).expect("applied");
        assert_eq!(all.process.expect("a process").env[2..], ["GPU=yes", "WHICH=all"]);
    }
    let both = applied(&host("cdi", 0, &["nvidia.com/gpu=0", "nvidia.com/gpu=all"]), &folders).expect("applied");
    assert_eq!(both.mounts.len(), 1, "what both share is there once");
    let missing = applied(&host("cdi", 0, &["nvidia.com/gpu=9"]), &folders).expect_err("missing");
    assert_eq!(missing, "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=9");
    let many = applied(&host("", i64::MAX, &[]), &folders).expect_err("missing");
    assert!(many.ends_with("unresolvable CDI devices nvidia.com/gpu=1, nvidia.com/gpu=2"), "{many}");
    let none = applied(&host("", -1, &[]), &[]).expect_err("no driver");
    assert_eq!(none, "could not select device driver \"\" with capabilities: [[gpu]]");
    assert!(edits(&HostConfig::default(), &folders).expect("nothing").is_empty());
}

#[test]
fn yaml_with_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("vendor.yaml"), YAML).expect("written");
    let folders = [folder.path().to_owned()];
    assert_eq!(super::names(&folders), ["vendor.com/class=7", "vendor.com/class=cache", "vendor.com/class=disk"]);
    let spec = applied(&host("cdi", 0, &["vendor.com/class=disk"]), &folders).expect("applied");
    let process = spec.process.expect("a process");
    assert_eq!(process.env, ["PATH=/vendor/bin", "A=b"]);
    assert_eq!(process.user.additional_gids, [44, 5]);
    let linux = spec.linux.expect("linux");
    let disk = &linux.devices[0];
    assert_eq!(
        (disk.kind.as_str(), disk.major, disk.minor, disk.file_mode, disk.uid),
        ("b", 7, 5, Some(0o600), Some(3))
    );
    assert_eq!(linux.devices[1].kind, "p");
    let rules = linux.resources.expect("resources").devices;
    assert_eq!((rules.len(), rules[0].access.as_str()), (1, "r"));
    assert_eq!((spec.mounts[0].kind.as_str(), spec.mounts[0].options.len()), ("bind", 3));
    assert!(spec.hooks.is_none());
    let refused = |name: &str| applied(&host("cdi", 0, &[name]), &folders).expect_err(name);
    assert!(refused("vendor.com/class=cache").ends_with("asks for intelRdt, which is not supported"));
    assert!(refused("vendor.com/class=7").ends_with("/dev/null is no device of type \"b\""));
}

#[test]
fn later_folders_win_and_two_of_one_name_lose() {
    let (first, second) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let file = |value: &str| {
        format!("cdiVersion: 1.0.0\nkind: v.com/c\ndevices: [{{name: x, containerEdits: {{env: [WHICH={value}]}}}}]\n")
    };
    std::fs::write(first.path().join("a.yaml"), file("first")).expect("written");
    std::fs::write(second.path().join("a.yml"), file("second")).expect("written");
    let folders = [first.path().to_owned(), second.path().to_owned()];
    let spec = applied(&host("cdi", 0, &["v.com/c=x"]), &folders).expect("applied");
    assert_eq!(spec.process.expect("a process").env[2], "WHICH=second");
    std::fs::write(second.path().join("b.yaml"), file("third")).expect("written");
    let refused = applied(&host("cdi", 0, &["v.com/c=x"]), &folders).expect_err("ambiguous");
    assert!(refused.ends_with("unresolvable CDI devices v.com/c=x"), "{refused}");
}
