//! `save`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use teu_api::client::BodyStream;

use crate::app::Cli;
use crate::error::{Error, go_io};
use crate::terminal;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Save {
    /// Write to a file, instead of STDOUT
    #[arg(short, long, value_name = "string")]
    output: Option<String>,
    /// Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    images: Vec<String>,
}

impl Verb for Save {
    const SPEC: Spec = Spec {
        noun: "image",
        names: &["save"],
        top: "save",
        about: "Save one or more images to a tar archive (streamed to STDOUT by default)",
        usage: "[OPTIONS] IMAGE [IMAGE...]",
        arguments: Arity::at_least(1),
        examples: &[
            ("Two images in one file", "save -o images.tar web db"),
            ("Compressed", "save web | zstd > web.tar.zst"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        if self.platform.is_some() {
            return Err(Cli::unsupported("platform"));
        }
        let Some(path) = &self.output else {
            if terminal::is_stdout() {
                return Err(Error::message("cowardly refusing to save to a terminal. Use the -o flag or redirect"));
            }
            let body = cli.client()?.image_save(&self.images).await?;
            copy(body, crate::app::write_out).await?;
            return Ok(ExitCode::SUCCESS);
        };
        let file = Unfinished::create(path, "save image")?;
        let body = cli.client()?.image_save(&self.images).await?;
        copy(body, |piece| Ok((&file.file).write_all(piece)?)).await?;
        file.publish()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Hands an archive over piece by piece.
pub(crate) async fn copy(mut body: BodyStream, mut write: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
    while let Some(piece) = body.chunk().await? {
        write(&piece)?;
    }
    Ok(())
}

/// A file that takes its name only when it is complete.
pub(crate) struct Unfinished {
    /// What is written to.
    pub(crate) file: File,
    temporary: PathBuf,
    target: PathBuf,
    published: bool,
}

impl Unfinished {
    /// Makes the file. `action` is what could not be done if that fails: `save image`.
    pub(crate) fn create(path: &str, action: &str) -> Result<Self, Error> {
        let target = Path::new(path);
        let failed = |error: &io::Error| Error::from(go_io("open", path, error));
        match std::fs::metadata(target) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(Error::message(format!("failed to {action}: cannot write to a directory")));
            }
            // Devices and pipes are written to as they are.
            Ok(metadata) if !metadata.is_file() => {
                let file = File::options().write(true).open(target).map_err(|error| failed(&error))?;
                return Ok(Self { file, temporary: PathBuf::new(), target: target.to_owned(), published: true });
            }
            _ => {}
        }
        let parent = target.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        if let Err(error) = std::fs::metadata(parent) {
            let reason = go_io("stat", &parent.to_string_lossy(), &error);
            return Err(Error::message(format!("failed to {action}: invalid output path: {reason}")));
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let temporary = target.with_file_name(format!(".{name}.{}", std::process::id()));
        let file = File::create_new(&temporary)
            .map_err(|error| Error::message(format!("failed to {action}: invalid output path: {}", failed(&error))))?;
        Ok(Self { file, temporary, target: target.to_owned(), published: false })
    }

    /// Gives it its name.
    pub(crate) fn publish(mut self) -> Result<(), Error> {
        if !self.published {
            self.file.sync_all()?;
            std::fs::rename(&self.temporary, &self.target)?;
            self.published = true;
        }
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.published {
            // Half an archive is of use to nobody.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_file_is_never_seen() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.tar");
        let text = path.to_string_lossy().into_owned();
        let names = || std::fs::read_dir(directory.path()).unwrap().count();
        let file = Unfinished::create(&text, "save image").unwrap();
        (&file.file).write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(names(), 0);
        Unfinished::create(&text, "save image").unwrap().publish().unwrap();
        assert!(path.exists());
        assert_eq!(names(), 1);
        assert!(Unfinished::create("/nonexistent/x", "save image").is_err());
    }
}
