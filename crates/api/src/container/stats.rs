//! `GET /containers/{id}/stats`: what a container uses.

use crate::json::is_zero;
use crate::query::Query;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The time before any sample, as Go writes its zero.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// Query of `GET /containers/{id}/stats`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatsOptions {
    /// A sample every second until the client leaves.
    pub stream: bool,
    /// Without `stream`: do not take a second sample for the difference.
    pub one_shot: bool,
}

impl StatsOptions {
    /// Reads the query of a request.
    pub fn from_query(query: &Query) -> Self {
        Self { stream: query.flag_or("stream", true), one_shot: query.flag("one-shot") }
    }

    /// Writes the query of a request.
    pub fn to_query(&self) -> Query {
        Query::new().set("stream", if self.stream { "1" } else { "0" }).switch("one-shot", self.one_shot)
    }
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// When it was taken, RFC 3339.
    pub read: String,
    /// When the one before was.
    pub preread: String,
    /// Processes.
    pub pids_stats: PidsStats,
    /// Block devices.
    pub blkio_stats: BlkioStats,
    /// Windows only.
    pub num_procs: u32,
    /// Windows only.
    pub storage_stats: serde_json::Map<String, serde_json::Value>,
    /// Processor time.
    pub cpu_stats: CpuStats,
    /// Processor time at the sample before.
    pub precpu_stats: CpuStats,
    /// Memory.
    pub memory_stats: MemoryStats,
    /// The container's name, with its slash.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Interfaces by name; none if it has no network of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networks: Option<BTreeMap<String, NetworkStats>>,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            read: NO_TIME.to_owned(),
            preread: NO_TIME.to_owned(),
            pids_stats: PidsStats::default(),
            blkio_stats: BlkioStats::default(),
            num_procs: 0,
            storage_stats: serde_json::Map::new(),
            cpu_stats: CpuStats::default(),
            precpu_stats: CpuStats::default(),
            memory_stats: MemoryStats::default(),
            name: String::new(),
            id: String::new(),
            networks: None,
        }
    }
}

/// Processor time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuStats {
    /// The container's.
    pub cpu_usage: CpuUsage,
    /// The machine's, idle time included, in nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub system_cpu_usage: u64,
    /// Processors that are on.
    #[serde(skip_serializing_if = "is_zero")]
    pub online_cpus: u32,
    /// Effects of a quota.
    pub throttling_data: ThrottlingData,
}

/// A container's processor time, in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuUsage {
    /// In all.
    pub total_usage: u64,
    /// For each processor (cgroup v1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percpu_usage: Option<Vec<u64>>,
    /// In the kernel.
    pub usage_in_kernelmode: u64,
    /// In programs.
    pub usage_in_usermode: u64,
}

/// Effects of a processor quota.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThrottlingData {
    /// Periods that passed.
    pub periods: u64,
    /// Periods in which the container was held back.
    pub throttled_periods: u64,
    /// For how many nanoseconds in all.
    pub throttled_time: u64,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryStats {
    /// In use, page cache included.
    #[serde(skip_serializing_if = "is_zero")]
    pub usage: u64,
    /// Most that ever was (cgroup v1).
    #[serde(skip_serializing_if = "is_zero")]
    pub max_usage: u64,
    /// The kernel's `memory.stat`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub stats: BTreeMap<String, u64>,
    /// How often the limit was hit (cgroup v1).
    #[serde(skip_serializing_if = "is_zero")]
    pub failcnt: u64,
    /// The limit; the machine's memory if there is none.
    #[serde(skip_serializing_if = "is_zero")]
    pub limit: u64,
}

impl MemoryStats {
    /// What is in use without the page cache that can be dropped, as Docker's command line shows it.
    pub fn without_cache(&self) -> u64 {
        let cache = self.stats.get("total_inactive_file").or_else(|| self.stats.get("inactive_file"));
        cache.filter(|cache| **cache < self.usage).map_or(self.usage, |cache| self.usage - cache)
    }
}

/// Processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PidsStats {
    /// How many there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub current: u64,
    /// How many there may be.
    #[serde(skip_serializing_if = "is_zero")]
    pub limit: u64,
}

/// Block devices. Only the first two are known to kernels of today.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlkioStats {
    /// Bytes moved.
    pub io_service_bytes_recursive: Option<Vec<BlkioEntry>>,
    /// Operations (cgroup v1).
    pub io_serviced_recursive: Option<Vec<BlkioEntry>>,
    /// Obsolete.
    pub io_queue_recursive: Option<Vec<BlkioEntry>>,
    /// Obsolete.
    pub io_service_time_recursive: Option<Vec<BlkioEntry>>,
    /// Obsolete.
    pub io_wait_time_recursive: Option<Vec<BlkioEntry>>,
    /// Obsolete.
    pub io_merged_recursive: Option<Vec<BlkioEntry>>,
    /// Obsolete.
    pub io_time_recursive: Option<Vec<BlkioEntry>>,
    /// Obsolete.
    pub sectors_recursive: Option<Vec<BlkioEntry>>,
}

/// A number about a block device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlkioEntry {
    /// Major number.
    pub major: u64,
    /// Minor number.
    pub minor: u64,
    /// `read` or `write`; capitalised with cgroup v1.
    pub op: String,
    /// Bytes or operations.
    pub value: u64,
}

/// An interface, as the container sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkStats {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Received with errors.
    pub rx_errors: u64,
    /// Received and dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Errors on sending.
    pub tx_errors: u64,
    /// Dropped on sending.
    pub tx_dropped: u64,
}

#[cfg(test)]
mod tests {
    use super::{MemoryStats, Stats};

    #[test]
    fn memory_without_cache() {
        let memory = |usage, stats: &[(&str, u64)]| MemoryStats {
            usage,
            stats: stats.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            ..MemoryStats::default()
        };
        assert_eq!(memory(100, &[("total_inactive_file", 30), ("inactive_file", 10)]).without_cache(), 70);
        assert_eq!(memory(100, &[("inactive_file", 10)]).without_cache(), 90);
        assert_eq!(memory(100, &[("inactive_file", 200)]).without_cache(), 100);
        assert_eq!(memory(100, &[]).without_cache(), 100);
    }

    #[test]
    fn one_that_does_not_run() {
        let text = serde_json::to_string(&Stats { id: "x".to_owned(), ..Stats::default() }).unwrap();
        assert!(text.starts_with(r#"{"read":"0001-01-01T00:00:00Z","preread":"0001-01-01T00:00:00Z","pids_stats":{}"#));
        assert!(text.contains(r#""memory_stats":{},"id":"x"}"#), "{text}");
    }
}
