//! Per-device I/O limits: `/dev/sda:1mb`, `/dev/sda:500`.

use anyhow::{anyhow, bail};
use teu_api::container::{ThrottleDevice, WeightDevice};

/// `device:rate`, where the rate may have a unit, in bytes per second.
pub(crate) fn bytes(text: &str) -> anyhow::Result<ThrottleDevice> {
    let bad = || {
        anyhow!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]. Number must be a \
             positive integer. Unit is optional and can be kb, mb, or gb"
        )
    };
    let (path, rate) = split(text)?;
    let value = super::size::ram_bytes(rate).map_err(|_| bad())?;
    Ok(ThrottleDevice { path, rate: u64::try_from(value).map_err(|_| bad())? })
}

/// `device:rate`, in operations per second.
pub(crate) fn operations(text: &str) -> anyhow::Result<ThrottleDevice> {
    let (path, rate) = split(text)?;
    let rate = rate.parse().map_err(|_| {
        anyhow!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>. Number must be a positive \
             integer"
        )
    })?;
    Ok(ThrottleDevice { path, rate })
}

/// `device:weight`, from 10 to 1000, or 0 for the default.
pub(crate) fn weight(text: &str) -> anyhow::Result<WeightDevice> {
    let (path, weight) = split(text)?;
    match weight.parse::<u16>() {
        Ok(weight) if weight == 0 || (10..=1000).contains(&weight) => Ok(WeightDevice { path, weight }),
        _ => bail!("invalid weight for device: {text}"),
    }
}

fn split(text: &str) -> anyhow::Result<(String, &str)> {
    let Some((path, value)) = text.split_once(':').filter(|(path, _)| !path.is_empty()) else {
        bail!("bad format: {text}");
    };
    if !path.starts_with("/dev/") {
        bail!("bad format for device path: {text}");
    }
    Ok((path.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(bytes("/dev/sda:1mb").unwrap(), ThrottleDevice { path: "/dev/sda".into(), rate: 1 << 20 });
        assert_eq!(operations("/dev/sda:500").unwrap().rate, 500);
        assert_eq!(weight("/dev/sda:10").unwrap().weight, 10);
        assert_eq!(weight("/dev/sda:1").unwrap_err().to_string(), "invalid weight for device: /dev/sda:1");
        assert_eq!(bytes("x").unwrap_err().to_string(), "bad format: x");
        assert_eq!(bytes("/tmp/x:1").unwrap_err().to_string(), "bad format for device path: /tmp/x:1");
        assert!(bytes("/dev/x:y").unwrap_err().to_string().starts_with("invalid rate for device: /dev/x:y. The"));
        assert!(operations("/dev/x:1mb").is_err());
    }
}
