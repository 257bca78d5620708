//! `cp`: between a container and here, or between two containers.

mod local;
mod plan;
mod stream;

use std::process::ExitCode;

use clap::Args;
use teu_api::client::{BodyStream, Client, Error as ClientError, RequestBody};
use teu_api::container::ArchiveOptions;

use crate::app::{self, Cli};
use crate::error::Error;
use crate::format::units;
use crate::terminal;
use crate::verb::{Arity, Spec, Verb};
use plan::{Destination, Plan, Source};
use stream::Counter;

#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// Archive mode (copy all uid/gid information)
    #[arg(short, long)]
    archive: bool,
    /// Always follow symbol link in SRC_PATH
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached
    #[arg(short, long)]
    quiet: bool,
    paths: Vec<String>,
}

/// One side of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Side {
    /// Standard input or output, as an archive.
    Stream,
    /// A path here.
    Local(String),
    /// A path in a container.
    Container(String, String),
}

impl Side {
    /// Reads `-`, `PATH` or `CONTAINER:PATH`. What begins with a slash or a dot is always a path.
    fn parse(text: &str) -> Side {
        match text.split_once(':') {
            _ if text == "-" => Side::Stream,
            Some((container, path)) if !text.starts_with(['/', '.']) => {
                Side::Container(container.to_owned(), path.to_owned())
            }
            _ => Side::Local(text.to_owned()),
        }
    }
}

impl Verb for Copy {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["cp"],
        top: "cp",
        about: "Copy files/folders between containers and the local filesystem",
        usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tcp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
        arguments: Arity::exactly(2),
        examples: &[
            ("A file out of a container", "cp web:/etc/hosts ."),
            ("What is in a folder, into another container", "cp web:/srv/. other:/srv"),
            ("An archive from standard input, compressed or not", "cp - web:/srv < files.tar.gz"),
            ("An archive to standard output", "cp web:/srv - > files.tar"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let (from, to) = (Side::parse(&self.paths[0]), Side::parse(&self.paths[1]));
        if self.paths.iter().any(String::is_empty) {
            let side = if self.paths[0].is_empty() { "source" } else { "destination" };
            return Err(Error::message(format!("{side} can not be empty")));
        }
        let client = cli.client()?;
        let copied = Counter::default();
        match (&from, &to) {
            (Side::Container(container, path), Side::Stream) => {
                let (_, archive) = self.get(client, container, path).await?;
                show(archive).await?;
                return Ok(ExitCode::SUCCESS);
            }
            (Side::Container(container, path), Side::Local(target)) => {
                let (source, archive) = self.get(client, container, path).await?;
                let plan = Plan::of(&source, &Destination::local(target)?)?;
                local::unpack(archive, plan, self.archive, &copied).await?;
            }
            (Side::Container(container, path), Side::Container(other, target)) => {
                let (source, archive) = self.get(client, container, path).await?;
                let plan = Plan::of(&source, &Destination::container(client, other, target).await?)?;
                let (body, work) = stream::renamed(archive, &plan, &copied);
                self.put(client, other, &plan.folder, body, work).await?;
            }
            (Side::Local(path), Side::Container(container, target)) => {
                let (source, tree) = local::source(path, self.follow_link)?;
                let plan = Plan::of(&source, &Destination::container(client, container, target).await?)?;
                let (body, work) = local::pack(tree, plan.base(&source), &copied);
                self.put(client, container, &plan.folder, body, work).await?;
            }
            (Side::Stream, Side::Container(container, target)) => {
                let destination = Destination::container(client, container, target).await?;
                if !destination.is_dir {
                    return Err(Error::message(format!("destination \"{container}:{target}\" must be a directory")));
                }
                let options = self.options();
                client.container_put_archive(container, &destination.path, &options, stream::stdin()).await?;
                return Ok(ExitCode::SUCCESS);
            }
            _ => return Err(Error::message("must specify at least one container source")),
        }
        if !self.quiet && terminal::is_stdout() {
            cli.warn(format!("Successfully copied {} to {}", units::human_size(copied.bytes()), self.paths[1]));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Copy {
    fn options(&self) -> ArchiveOptions {
        ArchiveOptions { no_overwrite_dir_non_dir: true, copy_uid_gid: self.archive }
    }

    /// Asks for an archive. With `-L` of what a link leads to, under the link's name.
    async fn get(&self, client: &Client, container: &str, path: &str) -> Result<(Source, BodyStream), Error> {
        let mut source = Source { path: path.to_owned(), is_dir: false, rebase: String::new() };
        if self.follow_link {
            let stat = client.container_stat_path(container, path).await?;
            if stat.is_link() {
                source = Source::followed(path, &stat.link_target);
            }
        }
        let (stat, archive) = client.container_get_archive(container, &source.path).await?;
        source.is_dir = stat.is_directory();
        Ok((source, archive))
    }

    /// Sends an archive that `work` makes meanwhile.
    async fn put(
        &self,
        client: &Client,
        container: &str,
        folder: &str,
        body: RequestBody,
        work: stream::Work,
    ) -> Result<(), Error> {
        let options = self.options();
        let mut sent = client.container_put_archive(container, folder, &options, body).await;
        if matches!(&sent, Err(error) if !matches!(error, ClientError::Api { .. })) {
            // An engine that refuses does not wait for the archive, and its answer may be lost with the connection. What
            // it has to say to nothing at all is the same.
            let reason = client.container_put_archive(container, folder, &options, RequestBody::empty()).await;
            sent = sent.or_else(|error| reason.and(Err(error)));
        }
        match work.await {
            // The engine stopped listening: what it said is the reason.
            Ok(Err(error)) if sent.is_ok() || error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(sent?),
        }
    }
}

async fn show(mut archive: BodyStream) -> Result<(), Error> {
    if terminal::is_stdout() {
        return Err(Error::message("refusing to write an archive to a terminal. Redirect the output"));
    }
    while let Some(piece) = archive.chunk().await? {
        app::write_out(&piece)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Side;

    #[test]
    fn sides() {
        let container = |name: &str, path: &str| Side::Container(name.to_owned(), path.to_owned());
        let local = |path: &str| Side::Local(path.to_owned());
        for (text, side) in [
            ("-", Side::Stream),
            ("web:/etc", container("web", "/etc")),
            ("web:rel:x", container("web", "rel:x")),
            ("web:", container("web", "")),
            ("/a:b", local("/a:b")),
            ("./a:b", local("./a:b")),
            ("file", local("file")),
        ] {
            assert_eq!(Side::parse(text), side, "{text}");
        }
    }
}
