//! What every container needs of the kernel, made with ordinary tools: no engine, no files, no mounts.

use anyhow::Result;
use std::ops::Range;
use teu_testkit::engine::remove_cgroups;
use teu_testkit::host::Host;

/// Makes those with the numbers from `$2` on, below `$3`, in the group `$1`.
const ADD: &str = r#"
group=$1 number=$2 end=$3
here=$(readlink /proc/self/ns/net)
while [ "$number" -lt "$end" ]; do
    unshare --net --ipc --uts busybox sleep 3600 </dev/null >/dev/null 2>&1 &
    pid=$!
    while [ "$(readlink "/proc/$pid/ns/net")" = "$here" ]; do :; done
    ip link add "bare$number" numtxqueues 1 numrxqueues 1 type veth \
        peer name eth0 numtxqueues 1 numrxqueues 1 netns "$pid"
    ip link set "bare$number" master bare up
    nsenter --net --target "$pid" sh -c 'ip link set lo up; ip link set eth0 up'
    for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
        [ -e "$hierarchy/cgroup.procs" ] || continue
        folder=$hierarchy$group/$number
        mkdir -p "$folder"
        if [ -e "$hierarchy/cgroup.controllers" ]; then
            for controller in $(cat "$hierarchy$group/cgroup.controllers"); do
                # What containers get only if they are limited by it.
                case $controller in hugetlb | rdma | misc) continue ;; esac
                echo "+$controller" >"$hierarchy$group/cgroup.subtree_control" || true
            done
        fi
        for file in cpuset.cpus cpuset.mems; do
            [ -e "$hierarchy/cgroup.controllers" ] || [ ! -e "$hierarchy/$file" ] && continue
            cat "$hierarchy/$file" >"$hierarchy$group/$file"
            cat "$hierarchy/$file" >"$folder/$file"
        done
        echo "$pid" >"$folder/cgroup.procs"
        # Groups within version 2 have no such file.
        [ ! -e /sys/fs/cgroup/cgroup.controllers ] || break
    done
    number=$((number + 1))
done
"#;

/// Processes in namespaces of their own, each with a pair of network devices on a bridge and with its control groups.
pub(crate) struct Bare {
    host: Host,
    group: String,
}

impl Bare {
    pub(crate) fn start() -> Result<Self> {
        let host = Host::start()?;
        host.sh("ip link add bare type bridge; ip link set bare up")?;
        Ok(Self { host, group: format!("/teu-bare-{}", std::process::id()) })
    }

    /// Makes those with these numbers.
    pub(crate) fn add(&self, numbers: Range<usize>) -> Result<()> {
        let output = self
            .host
            .command("sh")
            .args(["-ec", ADD, "sh", &self.group, &numbers.start.to_string(), &numbers.end.to_string()])
            .output()?;
        teu_testkit::host::succeed("processes in namespaces", &output).map(drop)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.host.end();
        remove_cgroups(&self.group);
    }
}
