//! Lines of `stats`.

use gotmpl::Value;
use teu_api::container::{BlkioEntry, Stats};

use super::row::{Row, text};
use super::units;

/// The columns.
pub(crate) const TABLE: &str =
    "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

/// What stands for a value that nobody knows.
const UNKNOWN: &str = "--";

/// A container and what it uses, if that is known.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    /// The container as the user named it.
    pub(crate) container: String,
    /// The last sample.
    pub(crate) stats: Option<Stats>,
    /// Ids are cut.
    pub(crate) truncate: bool,
}

impl Row for Usage {
    const GO_TYPE: &'static str = "*container.statsContext";
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("BlockIO", "BLOCK I/O"),
        ("CPUPerc", "CPU %"),
        ("Container", "CONTAINER"),
        ("ID", "CONTAINER ID"),
        ("MemPerc", "MEM %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("Name", "NAME"),
        ("NetIO", "NET I/O"),
        ("PIDs", "PIDS"),
    ];

    fn field(&self, name: &str) -> Value {
        let Some(stats) = &self.stats else {
            return text(match name {
                "Container" | "ID" => self.container.as_str(),
                "MemUsage" => "-- / --",
                _ => UNKNOWN,
            });
        };
        text(match name {
            "Container" => self.container.clone(),
            "ID" if self.truncate => stats.id.chars().take(12).collect(),
            "ID" => stats.id.clone(),
            "Name" if stats.name.len() > 1 => stats.name[1..].to_owned(),
            "Name" => UNKNOWN.to_owned(),
            "CPUPerc" => percent(cpu_percent(stats)),
            "MemUsage" => {
                let binary = |bytes| units::binary_size(signed(bytes));
                format!("{} / {}", binary(stats.memory_stats.without_cache()), binary(stats.memory_stats.limit))
            }
            "MemPerc" => percent(ratio(stats.memory_stats.without_cache(), stats.memory_stats.limit) * 100.0),
            "NetIO" => pair(moved(stats)[0], moved(stats)[1]),
            "BlockIO" => pair(moved(stats)[2], moved(stats)[3]),
            "PIDs" => stats.pids_stats.current.to_string(),
            _ => return Value::Nil,
        })
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn pair(first: u64, second: u64) -> String {
    format!("{} / {}", units::human_size(signed(first)), units::human_size(signed(second)))
}

fn percent(value: f64) -> String {
    format!("{value:.2}%")
}

#[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Processor time between two samples, of one processor's.
pub(crate) fn cpu_percent(stats: &Stats) -> f64 {
    let (now, before) = (&stats.cpu_stats, &stats.precpu_stats);
    let own = now.cpu_usage.total_usage.saturating_sub(before.cpu_usage.total_usage);
    let machine = now.system_cpu_usage.saturating_sub(before.system_cpu_usage);
    let listed = now.cpu_usage.percpu_usage.as_ref().map_or(0, Vec::len);
    let processors = if now.online_cpus > 0 { now.online_cpus } else { u32::try_from(listed).unwrap_or(0) };
    ratio(own, machine) * f64::from(processors) * 100.0
}

/// Bytes received, sent, read from and written to block devices.
pub(crate) fn moved(stats: &Stats) -> [u64; 4] {
    let all = || stats.networks.iter().flat_map(|networks| networks.values());
    let (received, sent) = (all().map(|n| n.rx_bytes).sum(), all().map(|n| n.tx_bytes).sum());
    [received, sent, blocks(stats, "read"), blocks(stats, "write")]
}

fn blocks(stats: &Stats, op: &str) -> u64 {
    let entries = stats.blkio_stats.io_service_bytes_recursive.iter().flatten();
    entries.filter(|entry: &&BlkioEntry| entry.op.eq_ignore_ascii_case(op)).map(|entry| entry.value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::row::Format;

    fn show(stats: Option<Stats>) -> String {
        let usage = Usage { container: "web".to_owned(), stats, truncate: true };
        Format::parse("table", TABLE).unwrap().print(&[usage]).unwrap()
    }

    #[test]
    fn a_line() {
        let stats: Stats = serde_json::from_str(
            r#"{"id":"0123456789abcdef","name":"/web","pids_stats":{"current":3},
            "cpu_stats":{"cpu_usage":{"total_usage":300},"system_cpu_usage":3000,"online_cpus":2},
            "precpu_stats":{"cpu_usage":{"total_usage":100},"system_cpu_usage":1000},
            "memory_stats":{"usage":3145728,"limit":8388608,"stats":{"inactive_file":1048576}},
            "networks":{"eth0":{"rx_bytes":1000,"tx_bytes":2},"eth1":{"rx_bytes":500}},
            "blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":4096},{"op":"write","value":1}]}}"#,
        )
        .unwrap();
        assert_eq!(
            show(Some(stats)),
            "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O      BLOCK I/O    PIDS\n\
             0123456789ab   web       20.00%    2MiB / 8MiB         25.00%    1.5kB / 2B   4.1kB / 1B   3\n"
        );
    }

    #[test]
    fn nothing_is_known() {
        assert!(show(None).contains("web            --        --        -- / --"));
    }
}
