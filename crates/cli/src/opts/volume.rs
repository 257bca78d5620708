//! `--volume`: `[source:]target[:options]`.

use std::path::Path;

/// What one `--volume` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Volume {
    /// A host path or a named volume, passed on as `source:target[:options]`.
    Bind(String),
    /// A volume without a name at this path.
    Anonymous(String),
}

/// Sorts a specification into a bind or an anonymous volume. What else is wrong with it, the engine says.
///
/// A source that begins with `.` is relative to `directory`, the caller's working directory.
///
/// # Errors
/// Nothing before, between or after the colons, in Docker's words.
pub(crate) fn parse(spec: &str, directory: &Path) -> anyhow::Result<Volume> {
    let Some((source, rest)) = spec.split_once(':') else { return Ok(Volume::Anonymous(spec.to_owned())) };
    if spec.split(':').any(str::is_empty) {
        anyhow::bail!("invalid spec: {spec}: empty section between colons");
    }
    if source.starts_with('.') {
        return Ok(Volume::Bind(format!("{}:{rest}", absolute(source, directory))));
    }
    Ok(Volume::Bind(spec.to_owned()))
}

/// Joins and cleans lexically, as Go's `filepath.Abs` does (links are not resolved).
pub(crate) fn absolute(path: &str, directory: &Path) -> String {
    use std::path::Component;
    let mut clean = std::path::PathBuf::new();
    for component in directory.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let here = Path::new("/work/dir");
        let cases = [
            ("/data", Volume::Anonymous("/data".into())),
            ("name:/data", Volume::Bind("name:/data".into())),
            ("/a:/b:ro", Volume::Bind("/a:/b:ro".into())),
            (".:/b", Volume::Bind("/work/dir:/b".into())),
            ("./x:/b:z", Volume::Bind("/work/dir/x:/b:z".into())),
            ("../x:/b", Volume::Bind("/work/x:/b".into())),
        ];
        for (spec, want) in cases {
            assert_eq!(parse(spec, here).unwrap(), want, "{spec}");
        }
    }
}
