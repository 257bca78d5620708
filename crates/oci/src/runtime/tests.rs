use super::*;

const CONFIG: &str = r#"{
  "ociVersion": "1.2.0",
  "process": {"terminal": true, "consoleSize": {"height": 24, "width": 80}, "user": {"uid": 1, "gid": 2, "umask": 18,
    "additionalGids": [3]}, "args": ["sh"], "env": ["A=b"], "cwd": "/", "capabilities": {"bounding": ["CAP_CHOWN"]},
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}], "noNewPrivileges": true, "oomScoreAdj": 0,
    "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 3}, "execCPUAffinity": {"final": "0"}},
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "h", "domainname": "d",
  "mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]}],
  "hooks": {"createRuntime": [{"path": "/bin/true", "args": ["true"], "timeout": 1}]},
  "annotations": {"k": "v"},
  "linux": {
    "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
    "sysctl": {"net.ipv4.ip_forward": "1"},
    "resources": {"devices": [{"allow": false, "access": "rwm"}],
      "memory": {"limit": 5, "kernelTCP": 6, "disableOOMKiller": true},
      "blockIO": {"weight": 10, "throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 7}]},
      "hugepageLimits": [{"pageSize": "2MB", "limit": 9}], "network": {"classID": 1}},
    "cgroupsPath": "/x",
    "namespaces": [{"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}],
    "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 0, "gid": 0}],
    "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
      {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
       "args": [{"index": 0, "value": 2114060288, "op": "SCMP_CMP_MASKED_EQ"}]}]},
    "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
    "timeOffsets": {"boottime": {"secs": 3}}
  }
}"#;

#[test]
fn a_configuration_survives_a_round_trip() {
    let spec: Spec = serde_json::from_str(CONFIG).unwrap();
    let written = serde_json::to_value(&spec).unwrap();
    let expected: serde_json::Value = serde_json::from_str(CONFIG).unwrap();
    assert_eq!(written, expected);
}

#[test]
fn null_reads_as_empty() {
    let spec: Spec =
        serde_json::from_str(r#"{"ociVersion":"1.0.0","mounts":null,"annotations":null,"linux":{"devices":null}}"#)
            .unwrap();
    assert!(spec.mounts.is_empty() && spec.annotations.is_empty());
    assert!(spec.linux.unwrap().devices.is_empty());
}

#[test]
fn an_empty_namespace_path_means_a_new_namespace() {
    let ns: Namespace = serde_json::from_str(r#"{"type":"mount","path":""}"#).unwrap();
    assert_eq!(ns.kind, NamespaceKind::Mount);
    assert_eq!(ns.join_path(), None);
    assert_eq!(serde_json::to_string(&ns).unwrap(), r#"{"type":"mount"}"#);
}

#[test]
fn an_unknown_namespace_or_action_is_an_error() {
    assert!(serde_json::from_str::<Namespace>(r#"{"type":"bogus"}"#).is_err());
    assert!(serde_json::from_str::<Seccomp>(r#"{"defaultAction":"SCMP_ACT_WHATEVER"}"#).is_err());
}

#[test]
fn other_platforms_are_ignored() {
    let spec: Spec = serde_json::from_str(r#"{"ociVersion":"1.0.0","windows":{"layerFolders":["C:\\"]}}"#).unwrap();
    assert_eq!(spec.oci_version, "1.0.0");
}

#[test]
fn a_state_without_a_process_has_no_pid() {
    let state = State {
        oci_version: VERSION.into(),
        id: "c".into(),
        status: Status::Stopped,
        pid: 0,
        bundle: "/b".into(),
        annotations: Default::default(),
    };
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(text, format!(r#"{{"ociVersion":"{VERSION}","id":"c","status":"stopped","bundle":"/b"}}"#));
}

#[test]
fn a_filter_keeps_its_text_until_it_is_needed() {
    let spec: Spec = serde_json::from_str(CONFIG).unwrap();
    let text = spec.linux.unwrap().seccomp.unwrap();
    assert!(text.as_str().contains("\n"), "as it was written: {}", text.as_str());
    let filter = text.parse().unwrap();
    assert_eq!((filter.default_action, filter.syscalls.len()), (SeccompAction::Errno, 1));
    assert_eq!(SeccompText::of(&filter).unwrap().parse().unwrap(), filter);
    // Read late, but read: what is no filter confines nobody by accident.
    let spec: Spec = serde_json::from_str(r#"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_WHATEVER"}}}"#).unwrap();
    assert!(spec.linux.unwrap().seccomp.unwrap().parse().is_err());
    let spec: Spec = serde_json::from_str(r#"{"linux":{"seccomp":null}}"#).unwrap();
    assert_eq!(spec.linux.unwrap().seccomp, None);
}
