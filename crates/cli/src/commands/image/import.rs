//! `import`.

use std::process::ExitCode;

use clap::Args;
use teu_api::client::RequestBody;
use teu_api::image::CreateOptions;
use teu_oci::reference::Reference;

use super::load::{self, Source};
use crate::app::Cli;
use crate::error::Error;
use crate::opts::platform;
use crate::progress::Display;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Apply Dockerfile instruction to the created image
    #[arg(short, long, value_name = "list")]
    change: Vec<String>,
    /// Set commit message for imported image
    #[arg(short, long, value_name = "string", default_value = "")]
    message: String,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "string", value_parser = platform::parse)]
    platform: Option<String>,
    args: Vec<String>,
}

impl Verb for Import {
    const SPEC: Spec = Spec {
        noun: "image",
        names: &["import"],
        top: "import",
        about: "Import the contents from a tarball to create a filesystem image",
        usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
        arguments: Arity::at_least(1),
        examples: &[
            ("A file system from a directory", "import -c 'CMD [\"sh\"]' - base:1 < <(tar -C rootfs -c .)"),
            ("One from the network", "import https://example.com/rootfs.tar.gz base"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let source = self.args[0].as_str();
        let (from_src, body) = if source.starts_with("http://") || source.starts_with("https://") {
            (source, RequestBody::empty())
        } else {
            let source = if source == "-" { Source::Stdin } else { Source::File(source.to_owned()) };
            ("-", load::body(&source)?)
        };
        let (repo, tag) = match self.args.get(1) {
            None => (String::new(), String::new()),
            Some(name) => split(name)?,
        };
        let options = CreateOptions {
            from_src: from_src.to_owned(),
            repo,
            tag,
            message: self.message,
            changes: self.change,
            platform: self.platform.unwrap_or_default(),
            ..CreateOptions::default()
        };
        let messages = cli.client()?.image_import(&options, body).await?;
        Display::stdout().follow(messages, |_| ()).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Repository and tag of a name; both sides of it the engine checks again.
/// A name as repository and tag, checked.
pub(crate) fn split(name: &str) -> Result<(String, String), Error> {
    Reference::parse(name).map_err(|error| Error::message(error.to_string()))?;
    match name.rsplit_once(':') {
        Some((repo, tag)) if !tag.contains('/') => Ok((repo.to_owned(), tag.to_owned())),
        _ => Ok((name.to_owned(), String::new())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(split("a:1").unwrap(), ("a".into(), "1".into()));
        assert_eq!(split("r:5000/a").unwrap(), ("r:5000/a".into(), String::new()));
        assert!(split("UPPER").is_err());
    }
}
