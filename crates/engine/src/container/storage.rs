//! `--storage-opt`: what is asked of the driver that keeps a container's files.

use teu_api::container::HostConfig;

use crate::Error;
use crate::log::binary_size;

/// The most bytes that a container may write to its root file system, if that is limited.
pub(super) fn size(host: &HostConfig) -> Result<Option<u64>, Error> {
    let mut size = None;
    for (name, value) in host.storage_opt.iter().flatten() {
        if !name.eq_ignore_ascii_case("size") {
            return Err(Error::Invalid(format!("Unknown option {name}")));
        }
        size = Some(binary_size(value).map_err(Error::Invalid)?);
    }
    // None means none, as with Docker.
    Ok(size.filter(|size| *size > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_nothing_else() {
        let with = |name: &str, value: &str| {
            let options = [(name.to_owned(), value.to_owned())].into();
            size(&HostConfig { storage_opt: Some(options), ..HostConfig::default() }).map_err(|error| error.to_string())
        };
        assert_eq!(with("size", "10M"), Ok(Some(10 << 20)));
        assert_eq!(with("SIZE", "1.5g"), Ok(Some(3 << 29)));
        assert_eq!(with("size", "0"), Ok(None));
        assert_eq!(with("size", "x"), Err("invalid size: 'x'".to_owned()));
        assert_eq!(with("inodes", "5"), Err("Unknown option inodes".to_owned()));
        assert!(size(&HostConfig::default()).is_ok_and(|size| size.is_none()));
    }
}
