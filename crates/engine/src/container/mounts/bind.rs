//! The short form: `-v source:destination[:options]`.

use super::{LABELLED, Mount, Source, clean, is_volume_name};
use crate::Error;

/// What options of the short form say.
#[derive(Debug, Default)]
struct Mode {
    read_only: bool,
    propagation: Option<String>,
    copy: Option<bool>,
}

/// Reads one bind.
pub(super) fn parse(spec: &str) -> Result<Mount, Error> {
    let invalid = || Error::Invalid(format!("invalid volume specification: '{spec}'"));
    let parts: Vec<&str> = spec.split(':').collect();
    let (source, destination, mode) = match parts[..] {
        [source, destination] => (source, destination, ""),
        [source, destination, mode] => (source, destination, mode),
        _ => return Err(invalid()),
    };
    if source.is_empty() || destination.is_empty() || (parts.len() == 3 && mode.is_empty()) {
        return Err(invalid());
    }
    if !destination.starts_with('/') {
        return Err(Error::Invalid(format!(
            "invalid volume specification: '{spec}': invalid mount config for type \"{}\": invalid mount path: '{destination}' mount path must be absolute",
            if source.starts_with('/') { "bind" } else { "volume" }
        )));
    }
    let destination = clean(destination);
    if destination == "/" {
        return Err(Error::Invalid(format!(
            "invalid volume specification: '{spec}': invalid mount config for type \"{}\": invalid specification: destination can't be '/'",
            if source.starts_with('/') { "bind" } else { "volume" }
        )));
    }
    let options = parse_mode(mode).ok_or_else(|| Error::Invalid(format!("invalid mode: {mode}")))?;
    let (source, propagation) = source_of(spec, source, &options)?;
    // Docker shows how it would label the volume.
    let mode = if mode.is_empty() && matches!(source, Source::Volume { .. }) { LABELLED } else { mode };
    Ok(Mount { destination, source, read_only: options.read_only, mode: mode.to_owned(), propagation })
}

fn source_of(spec: &str, source: &str, mode: &Mode) -> Result<(Source, String), Error> {
    if source.starts_with('/') {
        if mode.copy.is_some() {
            return Err(Error::Invalid(format!("invalid volume specification: '{spec}': invalid mode")));
        }
        let propagation = mode.propagation.clone().unwrap_or_else(|| "rprivate".to_owned());
        let bind = Source::Bind { path: clean(source), create: true, recursive: true, read_only_recursive: true };
        return Ok((bind, propagation));
    }
    if !is_volume_name(source) {
        return Err(Error::Invalid(format!(
            "create {source}: \"{source}\" includes invalid characters for a local volume name, only \
             \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
        )));
    }
    if mode.propagation.is_some() {
        return Err(Error::Invalid(format!("invalid volume specification: '{spec}': propagation is for binds only")));
    }
    let copy = mode.copy.unwrap_or(true);
    Ok((Source::Volume { name: source.to_owned(), anonymous: false, subpath: String::new(), copy }, String::new()))
}

/// `ro,rslave,z`; `None` if something is unknown or said twice.
fn parse_mode(text: &str) -> Option<Mode> {
    let mut mode = Mode::default();
    let (mut access, mut label) = (false, false);
    for word in text.split(',').filter(|w| !w.is_empty()) {
        match word {
            "ro" | "rw" if !access => {
                access = true;
                mode.read_only = word == "ro";
            }
            // SELinux labels; without SELinux they say nothing.
            "z" | "Z" if !label => label = true,
            "nocopy" if mode.copy.is_none() => mode.copy = Some(false),
            "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" if mode.propagation.is_none() => {
                mode.propagation = Some(word.to_owned());
            }
            // Consistency, for Docker Desktop.
            "consistent" | "cached" | "delegated" => {}
            _ => return None,
        }
    }
    Some(mode)
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::parse;

    #[test]
    fn binds() {
        let m = parse("/src/../a:/dst/:ro,rslave").expect("valid");
        assert_eq!((m.destination.as_str(), m.read_only, m.propagation.as_str()), ("/dst", true, "rslave"));
        assert!(matches!(m.source, Source::Bind { ref path, create: true, .. } if path == "/a"));
        assert_eq!(parse("data:/d").expect("valid").mode, "z");
        let v = parse("data:/d:nocopy").expect("valid");
        assert_eq!(v.mode, "nocopy");
        assert!(matches!(v.source, Source::Volume { ref name, copy: false, anonymous: false, .. } if name == "data"));
    }

    #[test]
    fn refused() {
        for bad in [
            "",
            ":",
            "/a",
            "/a:",
            ":/b",
            "/a:b",
            "/a:/",
            "/a:/b:",
            "/a:/b:xx",
            "/a:/b:ro,rw",
            "a b:/x",
            "./a:/b",
            "/a:/b:ro:x",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
