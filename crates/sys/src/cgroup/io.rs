//! Block devices: `blkio` on v1, `io` on v2.

use super::file::Dir;
use super::{Cgroup, Controller, DeviceNumber, DeviceRate, Io, IoEntry, IoStats, Result, pressure};

pub(super) fn apply(group: &Cgroup, io: &Io) -> Result<()> {
    if *io == Io::default() {
        return Ok(());
    }
    let dir = group.require(Controller::Io, "block devices")?;
    if dir.v2 { apply_v2(dir, io) } else { apply_v1(dir, io) }
}

fn apply_v1(dir: Dir<'_>, io: &Io) -> Result<()> {
    if let Some(weight) = io.weight {
        write_weight_v1(dir, "weight", &weight.to_string())?;
    }
    if let Some(weight) = io.leaf_weight {
        write_weight_v1(dir, "leaf_weight", &weight.to_string())?;
    }
    for device in &io.weight_devices {
        if let Some(weight) = device.weight {
            write_weight_v1(dir, "weight_device", &format!("{} {weight}", device.device))?;
        }
        if let Some(weight) = device.leaf_weight {
            write_weight_v1(dir, "leaf_weight_device", &format!("{} {weight}", device.device))?;
        }
    }
    let throttles = [
        ("blkio.throttle.read_bps_device", &io.read_bps),
        ("blkio.throttle.write_bps_device", &io.write_bps),
        ("blkio.throttle.read_iops_device", &io.read_iops),
        ("blkio.throttle.write_iops_device", &io.write_iops),
    ];
    for (name, rates) in throttles {
        for DeviceRate { device, rate } in rates {
            dir.write_feature("the rate of a block device", name, &format!("{device} {rate}"))?;
        }
    }
    Ok(())
}

/// CFQ's files are gone since Linux 5.0; BFQ has the same under another name.
fn write_weight_v1(dir: Dir<'_>, name: &str, value: &str) -> Result<()> {
    if dir.write_optional(&format!("blkio.{name}"), value)? {
        return Ok(());
    }
    dir.write_feature("the weight of block devices", &format!("blkio.bfq.{name}"), value)
}

fn apply_v2(dir: Dir<'_>, io: &Io) -> Result<()> {
    if let Some(weight) = io.weight {
        write_weight_v2(dir, None, weight)?;
    }
    for device in &io.weight_devices {
        if let Some(weight) = device.weight {
            write_weight_v2(dir, Some(device.device), weight)?;
        }
    }
    for (key, rates) in
        [("rbps", &io.read_bps), ("wbps", &io.write_bps), ("riops", &io.read_iops), ("wiops", &io.write_iops)]
    {
        for DeviceRate { device, rate } in rates {
            let value = if *rate == 0 { "max".to_owned() } else { rate.to_string() };
            dir.write_feature("the rate of a block device", "io.max", &format!("{device} {key}={value}"))?;
        }
    }
    Ok(())
}

/// BFQ takes v1's numbers, `io.weight` those of v2.
fn write_weight_v2(dir: Dir<'_>, device: Option<DeviceNumber>, weight: u16) -> Result<()> {
    let line = |weight: u64| device.map_or_else(|| weight.to_string(), |device| format!("{device} {weight}"));
    if dir.write_optional("io.bfq.weight", &line(u64::from(weight)))? {
        return Ok(());
    }
    dir.write_feature("the weight of block devices", "io.weight", &line(weight_of_blkio(weight)))
}

/// v1 weight (10 to 1000) as a v2 weight (1 to 10000), linear as the OCI runtimes do it.
fn weight_of_blkio(weight: u16) -> u64 {
    1 + (u64::from(weight.clamp(10, 1000)) - 10) * 9999 / 990
}

pub(super) fn stats(group: &Cgroup) -> Result<Option<IoStats>> {
    let Some(dir) = group.dir(Controller::Io) else { return Ok(None) };
    if dir.v2 {
        let Some(text) = dir.read_optional("io.stat")? else { return Ok(None) };
        return Ok(Some(IoStats { devices: parse_io_stat(&text), pressure: pressure::read(dir, "io.pressure")? }));
    }
    // Whichever policy is active counts; the other's files are there and say nothing.
    for policy in ["throttle", "bfq"] {
        let name = format!("blkio.{policy}.io_service_bytes_recursive");
        let Some(bytes) = dir.read_optional(&name)? else { continue };
        let operations = dir.read_optional(&format!("blkio.{policy}.io_serviced_recursive"))?.unwrap_or_default();
        let devices = parse_blkio(&bytes, &operations);
        if !devices.is_empty() {
            return Ok(Some(IoStats { devices, pressure: None }));
        }
    }
    Ok(Some(IoStats::default()))
}

/// `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`
pub(super) fn parse_io_stat(text: &str) -> Vec<IoEntry> {
    let mut list = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        // A device that is gone has values without its number.
        let Some(device) = DeviceNumber::parse(first) else { continue };
        let mut entry = IoEntry::new(device);
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let Ok(value) = value.parse() else { continue };
            match key {
                "rbytes" => entry.read_bytes = value,
                "wbytes" => entry.write_bytes = value,
                "rios" => entry.read_ops = value,
                "wios" => entry.write_ops = value,
                _ => {}
            }
        }
        list.push(entry);
    }
    list
}

/// `8:0 Read 1`, `8:0 Write 2`, … `Total 3`
pub(super) fn parse_blkio(bytes: &str, operations: &str) -> Vec<IoEntry> {
    let mut list: Vec<IoEntry> = Vec::new();
    for (text, is_bytes) in [(bytes, true), (operations, false)] {
        for (device, operation, value) in blkio_lines(text) {
            let index = list.iter().position(|entry| entry.device == device).unwrap_or_else(|| {
                list.push(IoEntry::new(device));
                list.len() - 1
            });
            match (operation, is_bytes) {
                ("Read", true) => list[index].read_bytes = value,
                ("Write", true) => list[index].write_bytes = value,
                ("Read", false) => list[index].read_ops = value,
                ("Write", false) => list[index].write_ops = value,
                _ => {}
            }
        }
    }
    list
}

fn blkio_lines(text: &str) -> impl Iterator<Item = (DeviceNumber, &str, u64)> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((DeviceNumber::parse(words.next()?)?, words.next()?, words.next()?.parse().ok()?))
    })
}

impl IoEntry {
    fn new(device: DeviceNumber) -> IoEntry {
        IoEntry { device, read_bytes: 0, write_bytes: 0, read_ops: 0, write_ops: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_converted() {
        assert_eq!([10, 500, 1000].map(weight_of_blkio), [1, 4950, 10_000]);
    }

    #[test]
    fn parses_both_versions_alike() {
        let v2 = parse_io_stat("8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n(unknown) rbytes=9\n");
        let v1 = parse_blkio(
            "8:16 Read 1\n8:16 Write 2\n8:16 Sync 0\n8:16 Total 3\nTotal 3\n",
            "8:16 Read 3\n8:16 Write 4\nTotal 7\n",
        );
        assert_eq!(v1, v2);
        assert_eq!(v1.len(), 1);
        assert_eq!((v1[0].read_ops, v1[0].write_bytes), (3, 2));
    }
}
