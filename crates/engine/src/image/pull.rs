//! `pull`: an image from a registry.

use std::sync::Arc;

use teu_api::auth::AuthConfig;
use teu_api::image::CreateOptions;
use teu_api::progress::Message;
use teu_image::{PullError, PullOptions, Store};
use teu_oci::image::Platform;
use teu_oci::reference::Reference;
use teu_registry::{Credentials, Repository};

use super::image_event;
use super::progress::Reporter;
use crate::{Engine, Error, ProgressStream};

impl Engine {
    /// Pulls `options.from_image`: one image, or all tags of the repository if neither tag nor digest is given.
    ///
    /// # Errors
    /// The reference is malformed. What goes wrong later comes as an error on the stream.
    pub async fn image_pull(&self, options: CreateOptions, auth: AuthConfig) -> Result<ProgressStream, Error> {
        let reference = reference(&options.from_image, &options.tag)?;
        let platform = if options.platform.is_empty() { None } else { Some(platform(&options.platform)?) };
        let pull = PullOptions { platform, credentials: credentials(auth), downloads: self.downloads() };
        let (reporter, stream) = Reporter::new(false);
        let task = Pulling { engine: self.clone(), library: self.library()?, pull, reporter: Arc::new(reporter) };
        tokio::spawn(async move {
            let done = if reference.tag().is_none() && reference.digest().is_none() {
                task.all_tags(&reference).await
            } else {
                let name = reference.familiar();
                task.one(&reference).await.map(|updated| task.conclude(updated, &name))
            };
            if let Err(error) = done {
                task.reporter.fail(pull_error(error));
            }
        });
        Ok(stream)
    }
}

/// A pull that is under way.
struct Pulling {
    engine: Engine,
    library: Store,
    pull: PullOptions,
    reporter: Arc<Reporter>,
}

impl Pulling {
    /// Pulls every tag of a repository, one after the other.
    async fn all_tags(&self, repository: &Reference) -> Result<(), PullError> {
        let at = Repository { domain: repository.domain().to_owned(), path: repository.path().to_owned() };
        let mut updated = false;
        for tag in self.engine.registry().tags(&at, self.pull.credentials.as_ref()).await? {
            // A registry's tag that is none by the grammar cannot be asked for either.
            if let Ok(reference) = repository.with_tag(&tag) {
                updated |= self.one(&reference).await?;
            }
        }
        self.conclude(updated, &repository.familiar_name());
        Ok(())
    }

    /// Pulls one image; whether the reference names another one than before.
    async fn one(&self, reference: &Reference) -> Result<bool, PullError> {
        let what = reference.tag().map_or_else(String::new, str::to_owned);
        self.reporter.announce(Message::status(what, format!("Pulling from {}", reference.path())));
        let progress = Arc::clone(&self.reporter);
        let pulled = teu_image::pull(&self.library, self.engine.registry(), reference, &self.pull, progress).await?;
        self.reporter.send(Message::status("", format!("Digest: {}", pulled.digest)));
        image_event(&self.engine, "pull", &reference.familiar(), &reference.familiar_name());
        Ok(pulled.updated)
    }

    fn conclude(&self, updated: bool, name: &str) {
        let what = if updated { "Downloaded newer image for" } else { "Image is up to date for" };
        self.reporter.send(Message::status("", format!("Status: {what} {name}")));
    }
}

/// Image and tag, which may be a digest, as one reference.
fn reference(image: &str, tag: &str) -> Result<Reference, Error> {
    let invalid = |e: teu_oci::reference::ParseReferenceError| Error::Invalid(e.to_string());
    let joined = match tag {
        "" => image.to_owned(),
        digest if digest.contains(':') => format!("{image}@{digest}"),
        tag => {
            let parsed = Reference::parse(image).map_err(invalid)?;
            return parsed.with_tag(tag).map_err(invalid);
        }
    };
    Reference::parse(&joined).map_err(invalid)
}

/// `os/arch[/variant]`
pub(super) fn platform(text: &str) -> Result<Platform, Error> {
    let mut parts = text.split('/');
    let (os, architecture, variant) = (parts.next(), parts.next(), parts.next());
    match (os, architecture, parts.next()) {
        (Some(os), Some(architecture), None) if !os.is_empty() && !architecture.is_empty() => Ok(Platform {
            os: os.to_ascii_lowercase(),
            architecture: architecture.to_ascii_lowercase(),
            variant: variant.map(str::to_ascii_lowercase),
            os_version: None,
            os_features: Vec::new(),
        }),
        (.., Some(_)) => Err(Error::Invalid(format!("{text:?}: cannot parse platform specifier: invalid argument"))),
        _ => Err(Error::Invalid(format!("{text:?}: unknown operating system or architecture: invalid argument"))),
    }
}

/// Credentials as the registry client takes them; none if there are none.
pub(super) fn credentials(auth: AuthConfig) -> Option<Credentials> {
    if !auth.registry_token.is_empty() {
        Some(Credentials::RegistryToken(auth.registry_token))
    } else if !auth.identity_token.is_empty() {
        Some(Credentials::IdentityToken(auth.identity_token))
    } else if !auth.username.is_empty() {
        Some(Credentials::Password { username: auth.username, password: auth.password })
    } else {
        None
    }
}

fn pull_error(error: PullError) -> Error {
    match error {
        PullError::Store(error) => error.into(),
        // Not 401: to that, Docker's command line answers with a question for a password of its own registry.
        PullError::Registry(
            error @ (teu_registry::Error::Unauthorized { .. } | teu_registry::Error::NoCredentials { .. }),
        ) => Error::Forbidden(error.to_string()),
        PullError::Registry(error) if error.is_transient() => Error::Unavailable(crate::backend::chain(&error)),
        error => Error::NotFound(crate::backend::chain(&error)),
    }
}
