//! The keeper's command line.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// How to run a keeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where its socket, and what it knows about each container, are.
    pub exec_root: PathBuf,
    /// Where containers' logs are. With it, mounts that have nothing to do with either are left out of the keeper's
    /// mount namespace.
    pub data_root: Option<PathBuf>,
    /// Return as soon as the keeper listens, which then is nobody's child.
    pub background: bool,
    /// Go on for the keeper that this process was until it executed this program.
    pub resume: bool,
}

impl Options {
    /// Reads `--exec-root DIR [--data-root DIR] [--background]`.
    ///
    /// # Errors
    /// An option that does not exist, or a missing one.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> io::Result<Options> {
        let mut exec_root = None;
        let mut options = Options { exec_root: PathBuf::new(), data_root: None, background: false, resume: false };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                let missing = || usage(format!("{} needs a value", arg.display()));
                args.next().map(PathBuf::from).filter(|p| p.is_absolute()).ok_or_else(missing)
            };
            match arg.to_str() {
                Some("--exec-root") => exec_root = Some(value()?),
                Some("--data-root") => options.data_root = Some(value()?),
                Some("--background") => options.background = true,
                Some("--resume") => options.resume = true,
                _ => return Err(usage(format!("unknown option {}", arg.display()))),
            }
        }
        options.exec_root = exec_root.ok_or_else(|| usage("--exec-root is missing".into()))?;
        Ok(options)
    }
}

fn usage(what: String) -> io::Error {
    let usage = "usage: teu keeper --exec-root DIR [--data-root DIR] [--background]; directories are absolute";
    io::Error::new(io::ErrorKind::InvalidInput, format!("{what}\n{usage}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> io::Result<Options> {
        Options::parse(args.iter().map(OsString::from))
    }

    #[test]
    fn options_are_read() {
        let options = parse(&["--exec-root", "/run/teu", "--background", "--data-root", "/var/lib/teu"]).unwrap();
        let data_root = Some("/var/lib/teu".into());
        assert_eq!(options, Options { exec_root: "/run/teu".into(), data_root, background: true, resume: false });
    }

    #[test]
    fn mistakes_are_told() {
        for bad in [&[][..], &["--exec-root"], &["--exec-root", "relative"], &["--exec-root", "/x", "-v"]] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
