//! `--mount type=bind,source=/a,target=/b,readonly`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{anyhow, bail};
use teu_api::container::Mount;

/// Parses one `--mount`. A source that begins with `./` is relative to `directory`.
pub(crate) fn parse(text: &str, directory: &Path) -> anyhow::Result<Mount> {
    let mut mount = Mount { kind: "volume".into(), ..Mount::default() };
    for field in super::keyvalue::record(text)? {
        match field.split_once('=') {
            Some((key, value)) => set(&mut mount, &key.to_lowercase(), value, &field, directory)?,
            None => switch(&mut mount, &field)?,
        }
    }
    check(&mount)?;
    Ok(mount)
}

/// A field without value.
fn switch(mount: &mut Mount, field: &str) -> anyhow::Result<()> {
    match field.to_lowercase().as_str() {
        "readonly" | "ro" => mount.read_only = true,
        "volume-nocopy" => mount.volume_options.get_or_insert_default().no_copy = true,
        "bind-nonrecursive" => mount.bind_options.get_or_insert_default().non_recursive = true,
        _ => bail!("invalid field '{field}' must be a key=value pair"),
    }
    Ok(())
}

fn set(mount: &mut Mount, key: &str, value: &str, field: &str, directory: &Path) -> anyhow::Result<()> {
    let bad = || anyhow!("invalid value for {key}: {value}");
    let flag = || super::number::boolean(value).map_err(|_| bad());
    match key {
        "type" => mount.kind = value.to_lowercase(),
        "source" | "src" => {
            let relative = value == "." || value.starts_with("./");
            mount.source = if relative { super::volume::absolute(value, directory) } else { value.to_owned() };
        }
        "target" | "dst" | "destination" => mount.target = value.to_owned(),
        "readonly" | "ro" => mount.read_only = flag()?,
        "consistency" => mount.consistency = value.to_lowercase(),
        "bind-propagation" => mount.bind_options.get_or_insert_default().propagation = value.to_lowercase(),
        "bind-nonrecursive" => mount.bind_options.get_or_insert_default().non_recursive = flag()?,
        "bind-recursive" => recursion(mount, value)?,
        "volume-subpath" => mount.volume_options.get_or_insert_default().subpath = value.to_owned(),
        "volume-nocopy" => mount.volume_options.get_or_insert_default().no_copy = flag()?,
        "volume-label" => insert(&mut mount.volume_options.get_or_insert_default().labels, value),
        "volume-driver" => {
            let options = mount.volume_options.get_or_insert_default();
            options.driver_config.get_or_insert_default().name = value.to_owned();
        }
        "volume-opt" => {
            let options = mount.volume_options.get_or_insert_default();
            insert(&mut options.driver_config.get_or_insert_default().options, value);
        }
        "image-subpath" => mount.image_options.get_or_insert_default().subpath = value.to_owned(),
        "tmpfs-size" => {
            let bytes = super::size::ram_bytes(value).map_err(|_| bad())?;
            mount.tmpfs_options.get_or_insert_default().size_bytes = bytes;
        }
        "tmpfs-mode" => {
            let mode = u32::from_str_radix(value, 8).map_err(|_| bad())?;
            mount.tmpfs_options.get_or_insert_default().mode = mode;
        }
        _ => bail!("unexpected key '{key}' in '{field}'"),
    }
    Ok(())
}

fn recursion(mount: &mut Mount, value: &str) -> anyhow::Result<()> {
    let options = mount.bind_options.get_or_insert_default();
    match value {
        "enabled" => {}
        "disabled" => options.non_recursive = true,
        "writable" => options.read_only_non_recursive = true,
        "readonly" => options.read_only_force_recursive = true,
        _ => bail!(
            r#"invalid value for bind-recursive: {value} (must be "enabled", "disabled", "writable", or "readonly")"#
        ),
    }
    Ok(())
}

fn insert(map: &mut Option<BTreeMap<String, String>>, pair: &str) {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    map.get_or_insert_default().insert(key.to_owned(), value.to_owned());
}

fn check(mount: &Mount) -> anyhow::Result<()> {
    let kind = mount.kind.as_str();
    if kind.is_empty() {
        bail!("type is required");
    }
    if mount.target.is_empty() {
        bail!("target is required");
    }
    let foreign = [
        ("volume", mount.volume_options.is_some()),
        ("image", mount.image_options.is_some()),
        ("bind", mount.bind_options.is_some()),
        ("tmpfs", mount.tmpfs_options.is_some()),
    ];
    for (owner, given) in foreign {
        if given && kind != owner {
            bail!("cannot mix '{owner}-*' options with mount type '{kind}'");
        }
    }
    let Some(options) = &mount.bind_options else { return Ok(()) };
    let needs =
        |option, what| anyhow!("option 'bind-recursive={option}' requires '{what}' to be specified in conjunction");
    if options.read_only_non_recursive && !mount.read_only {
        return Err(needs("writable", "readonly"));
    }
    if options.read_only_force_recursive && !mount.read_only {
        return Err(needs("readonly", "readonly"));
    }
    if options.read_only_force_recursive && options.propagation != "rprivate" {
        return Err(needs("readonly", "bind-propagation=rprivate"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        match parse(text, Path::new("/here")) {
            Ok(mount) => serde_json::to_string(&mount).unwrap(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn mounts() {
        let cases = [
            ("target=/x", r#"{"Type":"volume","Target":"/x"}"#),
            ("type=bind,src=./a,dst=/b,ro", r#"{"Type":"bind","Source":"/here/a","Target":"/b","ReadOnly":true}"#),
            (
                "type=bind,source=/a,target=/b,bind-propagation=rshared,bind-recursive=disabled",
                r#"{"Type":"bind","Source":"/a","Target":"/b","BindOptions":{"Propagation":"rshared","NonRecursive":true}}"#,
            ),
            (
                r#"type=volume,src=v,dst=/b,volume-driver=local,"volume-opt=o=a,b",volume-label=x=y,volume-nocopy"#,
                r#"{"Type":"volume","Source":"v","Target":"/b","VolumeOptions":{"NoCopy":true,"Labels":{"x":"y"},"DriverConfig":{"Name":"local","Options":{"o":"a,b"}}}}"#,
            ),
            (
                "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777",
                r#"{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":1048576,"Mode":1023}}"#,
            ),
        ];
        for (text, want) in cases {
            assert_eq!(json(text), want, "{text}");
        }
    }

    #[test]
    fn errors() {
        let cases = [
            ("type=bind", "error: target is required"),
            ("type=bind,target=/x,foo", "error: invalid field 'foo' must be a key=value pair"),
            ("type=bind,target=/x,foo=1", "error: unexpected key 'foo' in 'foo=1'"),
            ("type=bind,target=/x,ro=maybe", "error: invalid value for ro: maybe"),
            ("type=bind,target=/x,tmpfs-size=1", "error: cannot mix 'tmpfs-*' options with mount type 'bind'"),
            (
                "type=bind,target=/x,bind-recursive=writable",
                "error: option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
            ),
        ];
        for (text, want) in cases {
            assert_eq!(json(text), want, "{text}");
        }
    }
}
