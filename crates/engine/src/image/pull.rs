//! `pull`: an image from a registry.

use std::sync::Arc;

use teu_api::auth::AuthConfig;
use teu_api::image::CreateOptions;
use teu_api::progress::Message;
use teu_image::{PullError, PullOptions};
use teu_oci::image::Platform;
use teu_oci::reference::Reference;
use teu_registry::Credentials;

use super::image_event;
use super::progress::Reporter;
use crate::{Engine, Error, ProgressStream};

impl Engine {
    /// Pulls `options.from_image`.
    ///
    /// # Errors
    /// The reference is malformed. What goes wrong later comes as an error on the stream.
    pub async fn image_pull(&self, options: CreateOptions, auth: AuthConfig) -> Result<ProgressStream, Error> {
        let reference = reference(&options.from_image, &options.tag)?;
        let platform = if options.platform.is_empty() { None } else { Some(platform(&options.platform)?) };
        let pull = PullOptions { platform, credentials: credentials(auth), ..PullOptions::default() };
        let (library, client) = (self.library()?, self.registry().clone());
        let (reporter, stream) = Reporter::new(false);
        let (engine, reporter) = (self.clone(), Arc::new(reporter));
        tokio::spawn(async move {
            let what = reference.tag().map_or_else(String::new, str::to_owned);
            reporter.announce(Message::status(what, format!("Pulling from {}", reference.path())));
            let progress = Arc::clone(&reporter);
            match teu_image::pull(&library, &client, &reference, &pull, progress).await {
                Ok(pulled) => {
                    let name = reference.familiar();
                    reporter.send(Message::status("", format!("Digest: {}", pulled.digest)));
                    let what = if pulled.updated { "Downloaded newer image for" } else { "Image is up to date for" };
                    reporter.send(Message::status("", format!("Status: {what} {name}")));
                    image_event(&engine, "pull", &name, &reference.familiar_name());
                }
                Err(error) => reporter.fail(pull_error(error)),
            }
        });
        Ok(stream)
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
    Ok(Reference::parse(&joined).map_err(invalid)?.with_default_tag())
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
        PullError::Registry(error @ teu_registry::Error::Unauthorized { .. }) => Error::Unauthorized(error.to_string()),
        PullError::Registry(error) if error.is_transient() => Error::Unavailable(crate::backend::chain(&error)),
        error => Error::NotFound(crate::backend::chain(&error)),
    }
}
