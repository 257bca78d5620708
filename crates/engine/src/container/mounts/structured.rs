//! The long form: `--mount type=bind,source=…`.

use teu_api::container::{BindOptions, Mount as Wanted, TmpfsOptions, VolumeOptions};

use super::{LABELLED, Mount, Source, clean, is_volume_name};
use crate::{Error, ids};

/// Checks and converts one mount.
pub(super) fn parse(wanted: &Wanted) -> Result<Mount, Error> {
    let kind = &wanted.kind;
    let bad = |reason: String| Error::Invalid(format!("invalid mount config for type \"{kind}\": {reason}"));
    if wanted.target.is_empty() {
        return Err(bad("field Target must not be empty".to_owned()));
    }
    if !wanted.target.starts_with('/') {
        return Err(bad(format!("invalid mount path: '{}' mount path must be absolute", wanted.target)));
    }
    let destination = clean(&wanted.target);
    if destination == "/" {
        return Err(bad("invalid specification: destination can't be '/'".to_owned()));
    }
    let (source, propagation) = match kind.as_str() {
        "bind" => bind(wanted).map_err(bad)?,
        "volume" => (volume(wanted)?, String::new()),
        "tmpfs" if !wanted.source.is_empty() => return Err(bad("field Source must not be specified".to_owned())),
        "tmpfs" => {
            let options = tmpfs(wanted.tmpfs_options.as_ref())?;
            (Source::Tmpfs { options, implicit: false }, String::new())
        }
        "image" | "cluster" | "npipe" => return Err(Error::Unsupported(format!("--mount type={kind}"))),
        _ => return Err(Error::Invalid(format!("invalid mount config for type \"{kind}\": mount type unknown"))),
    };
    let mode = if matches!(source, Source::Volume { .. }) { LABELLED.to_owned() } else { String::new() };
    Ok(Mount { destination, source, read_only: wanted.read_only, mode, propagation })
}

fn bind(wanted: &Wanted) -> Result<(Source, String), String> {
    if wanted.source.is_empty() {
        return Err("field Source must not be empty".to_owned());
    }
    if !wanted.source.starts_with('/') {
        return Err(format!("invalid mount path: '{}' mount path must be absolute", wanted.source));
    }
    let options = wanted.bind_options.clone().unwrap_or_default();
    let BindOptions { propagation, non_recursive, create_mountpoint, read_only_non_recursive, .. } = options;
    let known = ["", "private", "rprivate", "shared", "rshared", "slave", "rslave"];
    if !known.contains(&propagation.as_str()) {
        return Err(format!("invalid propagation mode: {propagation}"));
    }
    let path = clean(&wanted.source);
    if !create_mountpoint && std::fs::symlink_metadata(&path).is_err() {
        return Err(format!("bind source path does not exist: {path}"));
    }
    let propagation = if propagation.is_empty() { "rprivate".to_owned() } else { propagation };
    let source = Source::Bind {
        path,
        create: create_mountpoint,
        recursive: !non_recursive,
        read_only_recursive: !read_only_non_recursive && !non_recursive,
    };
    Ok((source, propagation))
}

fn volume(wanted: &Wanted) -> Result<Source, Error> {
    let VolumeOptions { no_copy, subpath, driver_config, .. } = wanted.volume_options.clone().unwrap_or_default();
    if let Some(driver) = driver_config {
        let plain = driver.options.is_none_or(|o| o.is_empty());
        if !matches!(driver.name.as_str(), "" | "local") || !plain {
            return Err(Error::Unsupported("a volume driver".to_owned()));
        }
    }
    let anonymous = wanted.source.is_empty();
    let name = if anonymous { ids::random_id()? } else { wanted.source.clone() };
    if !is_volume_name(&name) {
        return Err(Error::Invalid(format!(
            "create {name}: \"{name}\" includes invalid characters for a local volume name, only \
             \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
        )));
    }
    if subpath.split('/').any(|part| part == "..") || subpath.starts_with('/') {
        return Err(Error::Invalid(
            "invalid mount config for type \"volume\": subpath must be a relative path within the volume".to_owned(),
        ));
    }
    Ok(Source::Volume { name, anonymous, copy: !no_copy, subpath })
}

/// Mount options of a temporary file system.
fn tmpfs(options: Option<&TmpfsOptions>) -> Result<Vec<String>, Error> {
    let Some(options) = options else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    if options.size_bytes < 0 {
        return Err(Error::Invalid("invalid mount config for type \"tmpfs\": negative size".to_owned()));
    }
    if options.size_bytes > 0 {
        all.push(format!("size={}", options.size_bytes));
    }
    if options.mode != 0 {
        all.push(format!("mode={:o}", options.mode & 0o7777));
    }
    for pair in options.options.iter().flatten() {
        match &pair[..] {
            [flag] => all.push(flag.clone()),
            [key, value] => all.push(format!("{key}={value}")),
            _ => return Err(Error::Invalid("invalid option array length".to_owned())),
        }
    }
    Ok(all)
}
