//! `json-file` and `local`: how files are rotated.

use super::{Map, Reason, value};

/// Logs are rotated by default, unlike Docker's `json-file`, which fills disks: at this size …
const DEFAULT_MAX_SIZE: u64 = 20_000_000;
/// … and so many are kept.
const DEFAULT_MAX_FILES: u32 = 5;
/// Docker's default size for `local`.
const LOCAL_MAX_SIZE: u64 = 20 << 20;

/// How a log's files are rotated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rotation {
    /// Bytes of a file. None: not at all.
    pub(crate) max_size: Option<u64>,
    /// How many there are in all.
    pub(crate) max_files: u32,
    pub(crate) compress: bool,
}

/// Whether an option is about files, or known to every driver.
pub(super) fn is_known(key: &str) -> bool {
    matches!(key, "max-size" | "max-file" | "compress") || super::ATTRIBUTES.contains(&key)
}

impl Rotation {
    /// Nothing said: rotated and compressed. As soon as something is said, Docker's defaults hold for the rest.
    pub(super) fn json_file(options: &Map) -> Result<Rotation, Reason> {
        let (size, files, compress) = (options.get("max-size"), options.get("max-file"), options.get("compress"));
        if size.is_none() && files.is_none() && compress.is_none() {
            let (max_size, max_files) = (Some(DEFAULT_MAX_SIZE), DEFAULT_MAX_FILES);
            return Ok(Rotation { max_size, max_files, compress: true });
        }
        // Docker refuses it, and has no need of it: without a size, its log grows.
        let max_size = size.filter(|size| *size != "-1").map(|size| value::decimal_size(size)).transpose()?;
        if max_size == Some(0) {
            return Err("max-size must be a positive number".to_owned());
        }
        let max_files = files.map_or(Ok(1), |files| value::integer(files))?;
        if max_files < 1 {
            return Err("max-file cannot be less than 1".to_owned());
        }
        let compress = compress.map_or(Ok(false), |compress| value::boolean(compress))?;
        if compress && (max_files == 1 || max_size.is_none()) {
            let text = "compress cannot be true when max-file is less than 2 or max-size is not set";
            return Err(text.to_owned());
        }
        Ok(Rotation { max_size, max_files: u32::try_from(max_files).unwrap_or(u32::MAX), compress })
    }

    /// Docker's `local`, also behind drivers that send their lines elsewhere.
    pub(super) fn local(options: &Map) -> Result<Rotation, Reason> {
        let max_size = match options.get("max-size") {
            Some(size) => value::decimal_size(size).map_err(|e| format!("invalid value for max-size: {size}: {e}"))?,
            None => LOCAL_MAX_SIZE,
        };
        let max_files = match options.get("max-file") {
            Some(files) => value::integer(files).map_err(|e| format!("invalid value for max-file: {files}: {e}"))?,
            None => DEFAULT_MAX_FILES.into(),
        };
        let compress = match options.get("compress") {
            Some(text) => value::boolean(text).map_err(|e| format!("error reading compress log option: {e}"))?,
            None => true,
        };
        if max_files < 0 {
            return Err("max file count cannot be less than 0".to_owned());
        }
        if compress && max_files <= 1 {
            return Err("compression cannot be enabled when max file count is 1".to_owned());
        }
        let max_files = u32::try_from(max_files).unwrap_or(u32::MAX);
        Ok(Rotation { max_size: (max_size > 0).then_some(max_size), max_files, compress })
    }
}
