//! Seeds that are JSON.

use serde_json::{Value, json};
use teu_oci::defaults::{DEFAULT_CAPABILITIES, KernelVersion, Target, default_profile};
use teu_testkit::image::{Image, Layer};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn texts(documents: &[Value]) -> Vec<Vec<u8>> {
    documents.iter().map(|document| document.to_string().into_bytes()).collect()
}

pub(crate) fn create() -> Vec<Vec<u8>> {
    texts(&[
        json!({ "Image": "busybox", "Cmd": ["sh"], "Env": ["A=b"], "User": "1:2", "WorkingDir": "/w",
            "ExposedPorts": { "80/tcp": {} }, "Volumes": { "/data": {} }, "StopSignal": "SIGRTMIN+3", "Hostname": "h",
            "HostConfig": { "Binds": ["/a:/b:ro", "vol:/c:nocopy"], "Memory": 67_108_864, "NanoCpus": 1_500_000_000,
                "PortBindings": { "80/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "8080-8090" }] },
                "Mounts": [{ "Type": "tmpfs", "Target": "/t", "TmpfsOptions": { "SizeBytes": 1, "Mode": 511 } },
                    { "Type": "bind", "Source": "/x", "Target": "/y", "BindOptions": { "Propagation": "rslave" } },
                    { "Type": "volume", "Source": "v", "Target": "/v", "VolumeOptions": { "Subpath": "s" } }],
                "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 }, "NetworkMode": "bridge",
                "SecurityOpt": ["no-new-privileges", "seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}", "label=disable"],
                "CapAdd": ["NET_ADMIN"], "CapDrop": ["all"], "Tmpfs": { "/run": "size=1m" },
                "Sysctls": { "net.core.somaxconn": "1" }, "ExtraHosts": ["a:1.2.3.4"], "CpusetCpus": "0-1",
                "DeviceCgroupRules": ["c 1:3 rw"], "Ulimits": [{ "Name": "nofile", "Soft": 1, "Hard": 2 }],
                "LogConfig": { "Type": "json-file", "Config": { "max-size": "1m", "max-file": "3" } },
                "PidMode": "host", "IpcMode": "shareable", "ShmSize": 67_108_864 },
            "NetworkingConfig": { "EndpointsConfig": { "n": { "Aliases": ["x"], "IPAMConfig": { "IPv4Address": "10.0.0.2" } } } } }),
        json!({ "image": null, "CMD": "ls -l", "hostconfig": null, "Entrypoint": [""] }),
    ])
}

pub(crate) fn api() -> Vec<Vec<u8>> {
    let mut seeds = create();
    seeds.extend(texts(&[
        json!({ "Detach": true, "Tty": true, "ConsoleSize": [24, 80], "Cmd": ["sh"], "AttachStdin": true, "Env": null }),
        json!({ "Id": "a", "State": { "Status": "running", "Pid": 7, "Health": null }, "Config": { "Labels": { "a": "b" } },
            "NetworkSettings": { "Networks": { "bridge": { "IPAddress": "172.17.0.2" } }, "Ports": { "80/tcp": null } },
            "Mounts": [{ "Type": "bind", "RW": true }], "Created": "2024-01-01T00:00:00Z" }),
        json!([{ "Id": "a", "Names": ["/x"], "Ports": [{ "PrivatePort": 80, "Type": "tcp" }], "Created": 1 }]),
        json!({ "Name": "bridge", "IPAM": { "Driver": "default", "Config": [{ "Subnet": "172.17.0.0/16" }] } }),
        json!({ "Type": "container", "Action": "start", "Actor": { "ID": "a", "Attributes": { "name": "x" } },
            "time": 1, "timeNano": 2 }),
        json!({ "status": "Pulling", "id": "a", "progressDetail": { "current": 1, "total": 2 }, "error": "x",
            "errorDetail": { "message": "x" }, "aux": { "ID": 1 } }),
        json!({ "ID": "a", "Containers": 1, "DriverStatus": [["a", "b"]], "Swarm": { "NodeID": "" },
            "RegistryConfig": { "IndexConfigs": { "docker.io": { "Secure": true } } }, "Runtimes": { "teu": { "path": "teu" } } }),
        json!({ "Version": "1", "Components": [{ "Name": "Engine", "Details": { "a": "b" } }], "Platform": { "Name": "" } }),
    ]));
    seeds
}

pub(crate) fn cli() -> Vec<Vec<u8>> {
    texts(&[
        json!({ "auths": { "r.example": { "auth": "bWU6cDp3" }, "t": { "identitytoken": "x" } }, "psFormat": "{{.ID}}",
            "detachKeys": "ctrl-x", "HttpHeaders": { "X-A": "b" }, "credHelpers": { "gcr.io": "gcloud" } }),
        json!({ "auths": { "https://index.docker.io/v1/": { "username": "u", "password": "p", "registrytoken": "y" } },
            "proxies": { "default": { "httpProxy": "http://p:1", "noProxy": "a,b" }, "tcp://h:1": { "allProxy": "x" } },
            "pruneFilters": ["label=a", "until=1h"], "credsStore": null, "currentContext": "remote", "PSFORMAT": "table {{.ID}}",
            "imagesFormat": "{{json .}}", "statsFormat": "{{.CPUPerc}}", "HttpHeaders": null }),
    ])
}

pub(crate) fn daemon() -> Vec<Vec<u8>> {
    texts(&[
        json!({ "debug": true, "hosts": ["unix:///x", "tcp://127.0.0.1:1"], "data-root": "/d", "dns": ["1.1.1.1"],
            "default-address-pools": [{ "base": "10.0.0.0/8", "size": 24 }], "log-opts": { "max-size": "1m" },
            "insecure-registries": ["10.0.0.0/8"], "registry-mirrors": ["https://m"], "default-shm-size": "64m",
            "bip": "172.17.0.1/16", "mtu": 1400, "labels": ["a=b"], "runtimes": { "x": { "path": "/x" } } }),
        json!({ "proxies": { "http-proxy": "http://p" }, "storage-driver": "overlay2", "live-restore": true,
            "default-ulimits": { "nofile": { "Name": "nofile", "Hard": 2, "Soft": 1 } }, "host-gateway-ip": "10.0.0.1",
            "fixed-cidr": "172.17.1.0/24", "exec-opts": ["native.cgroupdriver=cgroupfs"], "tlsverify": false }),
    ])
}

pub(crate) fn image() -> Vec<Vec<u8>> {
    let descriptor = |platform: Value| {
        json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": DIGEST, "size": 7,
            "platform": platform, "annotations": { "a": "b" } })
    };
    let mut seeds = texts(&[
        json!({ "schemaVersion": 2, "manifests": [descriptor(json!({ "os": "linux", "architecture": "amd64" })),
            descriptor(json!({ "os": "linux", "architecture": "arm64", "variant": "v8.1" })),
            descriptor(json!({ "os": "windows", "architecture": "amd64", "os.version": "10" })), descriptor(json!(null))] }),
        json!({ "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": descriptor(json!(null)), "layers": [descriptor(json!(null))] }),
    ]);
    seeds.extend(image_configs());
    seeds
}

pub(crate) fn image_configs() -> Vec<Vec<u8>> {
    let full = json!({ "architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
        "config": { "Env": ["PATH=/bin", "A=b"], "Cmd": ["sh"], "Entrypoint": ["/e"], "User": "web:adm",
            "WorkingDir": "/w", "ExposedPorts": { "80/tcp": {}, "53/udp": {} }, "Volumes": { "/data": {} },
            "Labels": { "a": "b" }, "StopSignal": "SIGQUIT", "Shell": ["sh"],
            "Healthcheck": { "Test": ["CMD", "true"], "Interval": 1, "Retries": 3 }, "OnBuild": ["RUN x"] },
        "rootfs": { "type": "layers", "diff_ids": [DIGEST] },
        "history": [{ "created_by": "x", "empty_layer": true }] });
    let built = Image::new("a:1").layer(Layer::new().finish()).cmd(&["true"]).config();
    vec![full.to_string().into_bytes(), built]
}

pub(crate) fn registry() -> Vec<Vec<u8>> {
    texts(&[
        json!({ "token": "abc", "access_token": "def", "expires_in": 300, "issued_at": "2024-01-01T00:00:00Z" }),
        json!({ "access_token": "def", "expires_in": u64::MAX }),
        json!({ "errors": [{ "code": "DENIED", "message": "no", "detail": { "x": 1 } }] }),
    ])
}

pub(crate) fn keeper_messages() -> Vec<Vec<u8>> {
    texts(&[
        json!({ "id": 1, "request": { "do": "hello", "version": 1 } }),
        json!({ "id": 2, "request": { "do": "list", "after": null } }),
        json!({ "id": 3, "request": { "do": "resize", "process": { "container": "c", "exec": "e" }, "size": { "rows": 1, "columns": 2 } } }),
        json!({ "reply": { "id": 1, "result": { "Ok": "done" } } }),
        json!({ "event": { "exited": { "process": { "container": "c" } } } }),
    ])
}

pub(crate) fn keeper_frames() -> Vec<Vec<u8>> {
    let frame = |payload: &[u8]| {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        [&len.to_le_bytes()[..], &[0; 4], payload].concat()
    };
    keeper_messages().iter().map(|payload| [frame(payload), frame(b""), frame(b"{}")].concat()).collect()
}

pub(crate) fn keeper_files() -> Vec<Vec<u8>> {
    let mut journal = b"teulog1\0".to_vec();
    for field in [5, 6, 1_700_000_000_000_000_000, i64::MIN, 0, 1, 9, 8, 7, 6, 0] {
        journal.extend(i64::to_le_bytes(field));
    }
    let mut seeds = texts(&[
        json!({ "process": { "container": "c", "exec": null }, "pid": 7, "ticks": 1, "started_at": "2024-01-01T00:00:00Z",
            "terminal": false, "open_stdin": true, "log": null, "cgroup_path": "/teu/c", "runtime": "native", "hold": false }),
        json!({ "status": { "code": 0 }, "at": "2024-01-01T00:00:00Z", "oom_killed": false }),
    ]);
    seeds.push(journal);
    seeds.push(b"42 (a) (b c) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 220 20".to_vec());
    seeds
}

pub(crate) fn runtime() -> Vec<Vec<u8>> {
    let every = ["pid", "mount", "network", "ipc", "uts", "cgroup", "time"].map(|kind| json!({ "type": kind }));
    let own_user = ["user", "pid", "mount", "uts"].map(|kind| json!({ "type": kind }));
    let ids = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
    texts(&[
        json!({ "ociVersion": "1.2.0", "root": { "path": "rootfs", "readonly": true }, "hostname": "h", "domainname": "d",
            "process": { "args": ["sh", "-c", "x"], "env": ["PATH=/bin", "A=b", "A=c"], "cwd": "/", "terminal": false,
                "user": { "uid": 1, "gid": 2, "additionalGids": [3], "umask": 18 }, "noNewPrivileges": true, "oomScoreAdj": 5,
                "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 1, "hard": 2 }], "consoleSize": { "height": 1, "width": 2 },
                "capabilities": { "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"] },
                "scheduler": { "policy": "SCHED_BATCH", "nice": 1 }, "ioPriority": { "class": "IOPRIO_CLASS_BE", "priority": 4 } },
            "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"] },
                { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755", "size=65536k", "tmpcopyup"] },
                { "destination": "/run", "type": "tmpfs", "options": ["ro", "rprivate", "noatime", "nr_inodes=5"] },
                { "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"] }],
            "hooks": { "prestart": [{ "path": "/bin/true", "args": ["x"], "timeout": 1 }] },
            "linux": { "namespaces": every, "cgroupsPath": "/teu/x", "mountLabel": "l",
                "sysctl": { "net.core.somaxconn": "1", "kernel.shmmax": "2" }, "maskedPaths": ["/proc/kcore"],
                "readonlyPaths": ["/proc/sys"], "rootfsPropagation": "rslave", "timeOffsets": { "monotonic": { "secs": 1 } },
                "devices": [{ "path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 438, "uid": 0, "gid": 0 },
                    { "path": "/dev/pipe", "type": "p" }],
                "personality": { "domain": "LINUX32" }, "memoryPolicy": { "mode": "MPOL_BIND", "nodes": "0" },
                "resources": { "memory": { "limit": 1_000_000, "swap": -1 }, "cpu": { "shares": 2, "quota": 3, "period": 4, "cpus": "0" },
                    "devices": [{ "allow": false, "access": "rwm" }, { "allow": true, "type": "c", "major": 1, "minor": 3, "access": "r" }],
                    "pids": { "limit": 5 }, "unified": { "memory.high": "1" }, "hugepageLimits": [{ "pageSize": "2MB", "limit": 1 }],
                    "blockIO": { "weight": 10, "throttleReadBpsDevice": [{ "major": 8, "minor": 0, "rate": 1 }] } } } }),
        json!({ "ociVersion": "1.0.2-dev", "root": { "path": "r" }, "annotations": { "a": "b" },
            "process": { "args": ["/bin/true"], "cwd": "/w", "terminal": true, "apparmorProfile": "unconfined", "selinuxLabel": "",
                "capabilities": { "ambient": ["CAP_CHOWN"], "inheritable": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"] },
                "scheduler": { "policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2, "period": 3 },
                "execCPUAffinity": { "initial": "0-1", "final": "0" } },
            "mounts": [{ "destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nodev", "mode=1777", "rbind"] },
                { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["rnosuid", "remount"] }],
            "hooks": { "createContainer": [{ "path": "/x", "env": ["A=b"] }], "poststop": [{ "path": "/y" }] },
            "linux": { "namespaces": own_user, "uidMappings": ids, "gidMappings": ids, "rootfsPropagation": "shared",
                "seccomp": { "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
                    "syscalls": [{ "names": ["read"], "action": "SCMP_ACT_ALLOW" }] },
                "intelRdt": { "closID": "c" }, "sysctl": { "kernel/domainname": "x" }, "devices": [{ "path": "/dev/null" }] } }),
    ])
}

pub(crate) fn seccomp() -> Vec<Vec<u8>> {
    let kernel = KernelVersion { major: 6, minor: 12 };
    let docker = default_profile(&Target { capabilities: &DEFAULT_CAPABILITIES, architecture: "amd64", kernel });
    let mut seeds = texts(&[json!({ "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
        "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"], "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [{ "names": ["read", "write"], "action": "SCMP_ACT_ALLOW" },
            { "names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{ "index": 0, "value": 40, "op": "SCMP_CMP_NE" }] },
            { "names": ["clone"], "action": "SCMP_ACT_TRAP",
                "args": [{ "index": 0, "value": 2_114_060_288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ" },
                    { "index": 0, "value": 1, "op": "SCMP_CMP_GT" }] }] })]);
    seeds.extend(serde_json::to_vec(&docker));
    seeds
}

pub(crate) fn profiles() -> Vec<Vec<u8>> {
    texts(&[json!({ "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
        "archMap": [{ "architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] }],
        "syscalls": [{ "names": ["read"], "action": "SCMP_ACT_ALLOW", "excludes": {}, "comment": "x" },
            { "name": "ptrace", "action": "SCMP_ACT_ALLOW", "includes": { "minKernel": "4.8" } },
            { "names": ["mount"], "action": "SCMP_ACT_LOG", "includes": { "caps": ["CAP_SYS_ADMIN"] } },
            { "names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{ "index": 0, "value": 8, "op": "SCMP_CMP_EQ" }],
                "excludes": { "arches": ["arm"] } }] })])
}

pub(crate) fn updates() -> Vec<Vec<u8>> {
    texts(&[
        json!({ "Memory": 33_554_432, "MemorySwap": -1, "CpuShares": 512, "PidsLimit": 7, "CpusetCpus": "0-1",
            "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 }, "NanoCpus": 500_000_000 }),
        json!({ "CpuPeriod": 100_000, "CpuQuota": 5000, "BlkioWeight": 10, "MemoryReservation": 1,
            "RestartPolicy": { "Name": "unless-stopped" } }),
        json!({ "RestartPolicy": { "Name": "always", "MaximumRetryCount": -1 }, "Memory": i64::MAX }),
    ])
}

pub(crate) fn health() -> Vec<Vec<u8>> {
    texts(&[
        json!({ "Healthcheck": { "Test": ["CMD-SHELL", "true"], "Interval": 1_000_000, "Timeout": 1_000_000,
            "StartPeriod": 5_000_000_000_u64, "StartInterval": 1_000_000, "Retries": 3 }, "Shell": ["sh", "-c"] }),
        json!({ "Healthcheck": { "Test": ["HTTP", "http://localhost:8080/up?x=1"], "Interval": i64::MAX } }),
        json!({ "Healthcheck": { "Test": ["GRPC", "[::1]:80", "x.Y"] } }),
        json!({ "Healthcheck": { "Test": ["TCP", "10.0.0.1:80"], "OnFailure": "restart" } }),
        json!({ "Healthcheck": { "Test": ["NONE"] } }),
    ])
}

/// A request on the first line, a specification behind it.
pub(crate) fn cdi() -> Vec<Vec<u8>> {
    let file = json!({ "cdiVersion": "0.6.0", "kind": "nvidia.com/gpu",
        "devices": [{ "name": "0", "containerEdits": { "deviceNodes": [{ "path": "/dev/gpu0", "hostPath": "/dev/null",
            "permissions": "rw", "uid": 1 }] } }, { "name": "all", "containerEdits": { "env": ["WHICH=all"] } }],
        "containerEdits": { "env": ["GPU=yes"], "mounts": [{ "hostPath": "/lib/gpu", "containerPath": "/gpu" }],
            "hooks": [{ "hookName": "createContainer", "path": "/bin/hook", "args": ["hook", "x"] }] } });
    let requests = [
        json!({ "Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0", "nvidia.com/gpu=all"] }),
        json!({ "Count": -1, "Capabilities": [["gpu"]] }),
        json!({ "Count": 1, "Capabilities": [["gpu"]] }),
        json!({ "Count": i64::MAX, "Capabilities": [["gpu"]] }),
    ];
    let yaml = "cdiVersion: 0.7.0\nkind: vendor.com/class\ncontainerEdits: {additionalGids: [44]}\ndevices:\n- name: x\n  \
                containerEdits:\n    env: [A=b]\n    deviceNodes:\n    - {path: /dev/y, type: c, major: 1, minor: 3}\n";
    let named = json!({ "Driver": "cdi", "DeviceIDs": ["vendor.com/class=x"] });
    let documents = requests.iter().map(|request| format!("{request}\n{file}")).chain([format!("{named}\n{yaml}")]);
    documents.map(String::into_bytes).collect()
}

pub(crate) fn filters() -> Vec<Vec<u8>> {
    texts(&[
        json!({ "status": ["running", "paused"], "name": ["^/we[b-d]+$", "db|x"], "publish": ["80-90/udp", "8080"],
            "expose": ["53"], "health": ["none"], "exited": ["137"], "label": ["a=b", "c"], "is-task": ["0"] }),
        json!({ "dangling": { "true": true }, "reference": ["host:5000/a/*:1"], "since": ["x"], "until": ["10m"] }),
        json!({ "until": ["2026-01-02T03:04:05.6+01:00"], "label!": ["keep"], "label": { "a": true } }),
        json!({ "until": { "1700000000.123456789": true } }),
        json!({ "until": ["2026-01-02"], "all": ["true"] }),
        json!({ "until": {}, "label": {} }),
    ])
}

/// Filters on the first line, events behind it.
pub(crate) fn events() -> Vec<Vec<u8>> {
    let event = json!({ "Type": "container", "Action": "exec_create: ls -l", "scope": "local", "time": 1, "timeNano": 2,
        "Actor": { "ID": "abcdef", "Attributes": { "name": "web", "image": "host:5000/busybox:latest", "team": "x" } } });
    let filters =
        json!({ "event": ["exec_create"], "label": ["team=x"], "image": ["host:5000/busybox"], "container": ["abc"] });
    vec![
        format!("{filters}\n7 {event}\n8 {event}").into_bytes(),
        format!("{{\"type\":{{\"image\":true}}}}\n0 {event}\n1 {{\"Type\":\n18446744073709551615 {event}\n")
            .into_bytes(),
        format!("\n0 {event}").into_bytes(),
    ]
}
