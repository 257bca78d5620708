//! `stats`: what a container uses, read from its cgroup and its network namespace.

pub(super) mod fuzzing;
mod machine;
mod network;

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use teu_api::container::{
    BlkioEntry, BlkioStats, CpuStats, CpuUsage, MemoryStats, PidsStats, Stats, StatsOptions, ThrottlingData,
};
use teu_sys::cgroup::{self, Cgroup, IoEntry};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::handle::{Handle, View};
use crate::{Engine, Error};

/// Samples of a container.
pub type StatsStream = BoxStream<'static, Stats>;

/// Time between two samples, as in Docker.
const PERIOD: Duration = Duration::from_secs(1);

impl Engine {
    /// Samples what a container uses. One that does not run gives samples with its names alone.
    ///
    /// # Errors
    /// No such container.
    pub async fn container_stats(&self, container: &str, options: StatsOptions) -> Result<StatsStream, Error> {
        let handle = self.containers().find(container)?;
        let samples = Samples { engine: self.clone(), handle, previous: None };
        if options.stream {
            return Ok(samples.endless().boxed());
        }
        Ok(stream::once(samples.single(options.one_shot)).filter_map(std::future::ready).boxed())
    }
}

/// Samples of one container, each with the processor time of the one before.
struct Samples {
    engine: Engine,
    handle: Arc<Handle>,
    previous: Option<(String, CpuStats)>,
}

impl Samples {
    /// One sample a second, until the container is gone.
    fn endless(self) -> impl stream::Stream<Item = Stats> {
        let mut ticks = interval_at(Instant::now(), PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        stream::unfold((self, ticks), |(mut samples, mut ticks)| async move {
            ticks.tick().await;
            let sample = samples.take().await?;
            Some((sample, (samples, ticks)))
        })
    }

    /// One sample; unless it is to be quick, with the difference over a second.
    async fn single(mut self, quick: bool) -> Option<Stats> {
        let first = self.take().await;
        if quick || !self.handle.view().state.is_up() {
            return first;
        }
        tokio::time::sleep(PERIOD).await;
        self.take().await
    }

    /// The next sample; none once the container is removed.
    async fn take(&mut self) -> Option<Stats> {
        let view = self.handle.view();
        if view.removed {
            return None;
        }
        let names =
            Stats { id: view.definition.id.clone(), name: format!("/{}", view.definition.name), ..Stats::default() };
        if !view.state.is_up() {
            self.previous = None;
            return Some(names);
        }
        let engine = self.engine.clone();
        let read = tokio::task::spawn_blocking(move || engine.sample(&view)).await;
        // It ended while it was looked at: nothing is known of it.
        let Ok(Some(sample)) = read else { return Some(names) };
        let (preread, precpu_stats) = self
            .previous
            .replace((sample.read.clone(), sample.cpu_stats.clone()))
            .unwrap_or_else(|| (names.preread.clone(), CpuStats::default()));
        Some(Stats { preread, precpu_stats, id: names.id, name: names.name, ..sample })
    }
}

impl Engine {
    /// What a running container uses now.
    fn sample(&self, view: &View) -> Option<Stats> {
        let hierarchy = self.machine().hierarchy.as_ref()?;
        let used = Cgroup::open(hierarchy, &self.cgroup_path(&view.definition)).and_then(|group| group.stats()).ok()?;
        let pid = view.state.run()?.pid;
        let v1 = !self.machine().cgroup_v2;
        Some(Stats {
            read: Timestamp::now().to_string(),
            pids_stats: used.pids.map(|pids| self::pids(pids, v1)).unwrap_or_default(),
            blkio_stats: used.io.map(|io| blkio(&io.devices, v1)).unwrap_or_default(),
            cpu_stats: cpu(used.cpu.unwrap_or_default()),
            memory_stats: used.memory.map(memory).unwrap_or_default(),
            networks: network::read(&view.definition.host.network_mode, pid),
            ..Stats::default()
        })
    }
}

fn cpu(cpu: cgroup::CpuStats) -> CpuStats {
    let machine = machine::processors();
    CpuStats {
        cpu_usage: CpuUsage {
            total_usage: cpu.usage,
            percpu_usage: (!cpu.per_cpu.is_empty()).then_some(cpu.per_cpu),
            usage_in_kernelmode: cpu.system,
            usage_in_usermode: cpu.user,
        },
        system_cpu_usage: machine.time,
        online_cpus: machine.online,
        throttling_data: ThrottlingData {
            periods: cpu.throttling.periods,
            throttled_periods: cpu.throttling.throttled_periods,
            throttled_time: cpu.throttling.throttled_time,
        },
    }
}

fn memory(memory: cgroup::MemoryStats) -> MemoryStats {
    let machine = machine::memory();
    MemoryStats {
        usage: memory.usage,
        max_usage: memory.max_usage.unwrap_or(0),
        stats: memory.stat,
        failcnt: memory.failures,
        limit: memory.limit.map_or(machine, |limit| limit.min(machine)),
    }
}

/// No limit is left out with cgroup v1, and the greatest number with v2.
fn pids(pids: cgroup::PidsStats, v1: bool) -> PidsStats {
    PidsStats { current: pids.current, limit: pids.limit.unwrap_or(if v1 { 0 } else { u64::MAX }) }
}

fn blkio(devices: &[IoEntry], v1: bool) -> BlkioStats {
    let (read, write) = if v1 { ("Read", "Write") } else { ("read", "write") };
    let entries = |values: fn(&IoEntry) -> (u64, u64)| -> Vec<BlkioEntry> {
        let both = |entry: &IoEntry| {
            let (major, minor) = (u64::from(entry.device.major), u64::from(entry.device.minor));
            let one = |op: &str, value| BlkioEntry { major, minor, op: op.to_owned(), value };
            let (reads, writes) = values(entry);
            [one(read, reads), one(write, writes)]
        };
        devices.iter().flat_map(both).collect()
    };
    // The old hierarchy has files for these too, which the kernel's current schedulers leave empty.
    let empty = || v1.then(Vec::new);
    BlkioStats {
        io_service_bytes_recursive: Some(entries(|entry| (entry.read_bytes, entry.write_bytes))),
        io_serviced_recursive: v1.then(|| entries(|entry| (entry.read_ops, entry.write_ops))),
        io_queue_recursive: empty(),
        io_service_time_recursive: empty(),
        io_wait_time_recursive: empty(),
        io_merged_recursive: empty(),
        io_time_recursive: empty(),
        sectors_recursive: empty(),
    }
}

#[cfg(test)]
mod tests {
    use teu_sys::cgroup::{self, DeviceNumber, IoEntry};

    use super::{blkio, memory, pids};

    #[test]
    fn both_versions_of_cgroups() {
        let device = DeviceNumber { major: 8, minor: 16 };
        let entry = IoEntry { device, read_bytes: 1, write_bytes: 2, read_ops: 3, write_ops: 4 };
        let old = blkio(&[entry], true);
        let ops = |list: &Option<Vec<_>>| -> Vec<(String, u64)> {
            list.iter().flatten().map(|e: &teu_api::container::BlkioEntry| (e.op.clone(), e.value)).collect()
        };
        assert_eq!(ops(&old.io_service_bytes_recursive), [("Read".to_owned(), 1), ("Write".to_owned(), 2)]);
        assert_eq!(ops(&old.io_serviced_recursive), [("Read".to_owned(), 3), ("Write".to_owned(), 4)]);
        let new = blkio(&[entry], false);
        assert_eq!(ops(&new.io_service_bytes_recursive)[0].0, "read");
        assert_eq!(new.io_serviced_recursive, None);
        assert_eq!((old.sectors_recursive, new.sectors_recursive), (Some(Vec::new()), None));
        let unlimited = cgroup::PidsStats { current: 2, limit: None };
        assert_eq!((pids(unlimited, true).limit, pids(unlimited, false).limit), (0, u64::MAX));
    }

    #[test]
    fn no_limit_is_the_machine() {
        let limit = |limit| memory(cgroup::MemoryStats { limit, ..cgroup::MemoryStats::default() }).limit;
        assert_eq!(limit(Some(1 << 20)), 1 << 20);
        assert_eq!(limit(None), limit(Some(u64::MAX)));
        assert!(limit(None) > 0);
    }
}
