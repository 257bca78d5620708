//! What `run` and `create` have in common: a container from an image that may have to be pulled first.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use teu_api::client::{self, Client, Hijacked};
use teu_api::container::{AttachOptions, CreateOptions, CreateRequest, CreateResponse, WaitCondition};
use teu_oci::reference::Reference;

use super::api_socket::{self, Secrets};
use super::options::{ContainerFlags, Pull};
use crate::app::Cli;
use crate::commands::image::pull;
use crate::error::{Error, engine_message};
use crate::opts::platform;
use crate::progress::Display;

/// A container that is still to be created.
pub(super) struct Creation {
    request: CreateRequest,
    options: CreateOptions,
    image: Option<Reference>,
    pull: Pull,
    quiet: bool,
    id_file: Option<String>,
    secrets: Option<Secrets>,
}

impl Creation {
    /// Prepares the creation that the flags and arguments ask for. `adjust` has the last word about the request.
    pub(super) fn prepare(
        cli: &Cli,
        mut flags: ContainerFlags,
        args: &[String],
        adjust: impl FnOnce(&mut CreateRequest),
    ) -> Result<Self, Error> {
        flags.refuse_windows()?;
        cli.add_proxies(&mut flags.process.env)?;
        let pull = flags.general.pull().map_err(|error| start(&error))?;
        let options = CreateOptions { name: flags.general.name.clone(), platform: flags.general.platform() };
        let quiet = flags.general.quiet;
        let id_file = flags.general.cidfile.clone();
        let use_api_socket = flags.use_api_socket();
        let mut request = flags.request(args)?;
        let secrets = if use_api_socket { api_socket::share(cli, &mut request)? } else { None };
        adjust(&mut request);
        Ok(Self { request, options, image: None, pull, quiet, id_file, secrets })
    }

    /// The creation that a request asks for, whose image is pulled if it is missing.
    pub(super) fn of(request: CreateRequest) -> Self {
        Self {
            request,
            options: CreateOptions::default(),
            image: None,
            pull: Pull::Missing,
            quiet: false,
            id_file: None,
            secrets: None,
        }
    }

    /// The request as it will be sent.
    pub(super) fn request(&self) -> &CreateRequest {
        &self.request
    }

    /// Creates the container, and says what the engine warns of. Answers the id.
    pub(super) async fn create(self, cli: &Cli) -> Result<String, Error> {
        let (id, _) = self.create_or_begin(cli, None).await?;
        Ok(id)
    }

    /// As [`Self::create`], and has it started at once if the engine does both in one request and nothing is to be put into it
    /// before. Answers the id and the streams of what has begun.
    pub(super) async fn create_or_begin(
        mut self,
        cli: &Cli,
        begin: Option<(AttachOptions, WaitCondition)>,
    ) -> Result<(String, Option<Hijacked>), Error> {
        self.image = reference(&self.request).map_err(|error| start(&error))?;
        self.options.platform = normal_platform(&self.options.platform).map_err(|error| start(&error))?;
        let id_file = self.id_file.take().map(IdFile::create).transpose().map_err(|error| start(&error))?;
        let client = cli.client()?;
        if self.pull == Pull::Always {
            self.fetch(cli).await?;
        }
        let begin = begin.filter(|_| self.secrets.is_none());
        let (answer, stream) = match self.begin(client, begin.as_ref()).await {
            Err(error) if error.is_not_found() && self.pull == Pull::Missing && self.image.is_some() => {
                if let Some(image) = self.image.as_ref().filter(|_| !self.quiet) {
                    cli.warn(format!("Unable to find image '{}' locally", image.familiar()));
                }
                self.fetch(cli).await?;
                self.begin(client, begin.as_ref()).await
            }
            answer => answer,
        }
        .map_err(|error| failed(&error))?;
        for warning in &answer.warnings {
            cli.warn(format!("WARNING: {warning}"));
        }
        if let Some(file) = id_file {
            file.write(&answer.id)?;
        }
        if let Some(secrets) = self.secrets.take() {
            secrets.put(client, &answer.id).await?;
        }
        Ok((answer.id, stream))
    }

    async fn begin(
        &self,
        client: &Client,
        begin: Option<&(AttachOptions, WaitCondition)>,
    ) -> Result<(CreateResponse, Option<Hijacked>), client::Error> {
        let (options, request) = (&self.options, &self.request);
        if let Some((attach, condition)) = begin
            && let Some((created, stream)) =
                client.container_create_and_run(options, request, attach, *condition).await?
        {
            return Ok((created, Some(stream)));
        }
        Ok((client.container_create(options, request).await?, None))
    }

    async fn fetch(&self, cli: &Cli) -> Result<(), Error> {
        let Some(image) = &self.image else { return Ok(()) };
        let display = if self.quiet { Display::Quiet } else { Display::stderr() };
        pull::pull(cli, image, &self.options.platform, display)
            .await
            .map_err(|error| Error::Start { message: error.to_string(), code: 125 })
    }
}

/// The image's name in full, so that a missing tag means `latest`. An id is left as it is.
fn reference(request: &CreateRequest) -> anyhow::Result<Option<Reference>> {
    let name = &request.config.image;
    let is_id = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id || name.starts_with("sha256:") {
        return Ok(None);
    }
    Ok(Some(Reference::parse(name)?.with_default_tag()))
}

fn normal_platform(text: &str) -> anyhow::Result<String> {
    if text.is_empty() { Ok(String::new()) } else { platform::parse(text) }
}

/// A failure before anything ran.
fn start(error: &anyhow::Error) -> Error {
    let message = format!("{error:#}");
    let code = exit_code(&message);
    Error::Start { message, code }
}

/// The failure of a request of `run`, with the exit code that tells what was wrong with the command.
pub(super) fn failed(error: &client::Error) -> Error {
    let message = engine_message(error);
    let code = exit_code(&message);
    Error::Start { message, code }
}

/// What a shell would make of the failure: 127 for a command that is not there, 126 for one that cannot be run.
/// The docker command line does not know "exec format error": there, Docker takes such a program for started.
fn exit_code(message: &str) -> u8 {
    let has = |text: &str| message.contains(text);
    match () {
        () if has("executable file not found") || has("no such file or directory") => 127,
        () if has("permission denied") || has("is a directory") || has("exec format error") => 126,
        () => 125,
    }
}

/// The file of `--cidfile`, made before the container so that it cannot fail afterwards.
struct IdFile {
    file: File,
    path: PathBuf,
    written: bool,
}

impl IdFile {
    fn create(path: String) -> anyhow::Result<Self> {
        match File::create_new(&path) {
            Ok(file) => Ok(Self { file, path: path.into(), written: false }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                anyhow::bail!("container ID file found, make sure the other container isn't running or delete {path}")
            }
            Err(error) => {
                let error = crate::error::go_io("open", &path, &error);
                anyhow::bail!("failed to create the container ID file: {error}")
            }
        }
    }

    fn write(mut self, id: &str) -> Result<(), Error> {
        self.file.write_all(id.as_bytes())?;
        self.written = true;
        Ok(())
    }
}

impl Drop for IdFile {
    fn drop(&mut self) {
        if !self.written {
            // An empty file would tell of a container that does not exist.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_tell_what_was_wrong() {
        let code = |message: &str| {
            failed(&client::Error::Api { status: http::StatusCode::BAD_REQUEST, message: message.into() }).code()
        };
        assert_eq!(code("exec: \"x\": executable file not found in $PATH: unknown"), 127);
        assert_eq!(code("exec: \"/x\": stat /x: no such file or directory"), 127);
        assert_eq!(code("exec: \"/tmp\": permission denied"), 126);
        assert_eq!(code("exec: \"/tmp\": is a directory"), 126);
        assert_eq!(code("exec: \"/x\": exec format error: unknown"), 126);
        assert_eq!(code("exec: \"/x\": stat /x: too many levels of symbolic links: unknown"), 125);
        assert_eq!(code("no space left"), 125);
    }

    #[test]
    fn an_id_file_remains_only_with_an_id() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("id");
        let text = path.to_string_lossy().into_owned();
        drop(IdFile::create(text.clone()).unwrap());
        assert!(!path.exists());
        IdFile::create(text.clone()).unwrap().write("abc").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc");
        let error = IdFile::create(text).err().unwrap().to_string();
        assert!(error.starts_with("container ID file found"), "{error}");
    }
}
