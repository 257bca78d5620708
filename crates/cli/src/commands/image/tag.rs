//! `tag`.

use std::process::ExitCode;

use clap::Args;
use teu_oci::reference::Reference;

use crate::app::Cli;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Tag {
    images: Vec<String>,
}

impl Verb for Tag {
    const SPEC: Spec = Spec {
        noun: "image",
        names: &["tag"],
        top: "tag",
        about: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
        usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
        arguments: Arity::exactly(2),
        examples: &[("A name in a registry", "tag web registry.example.com/team/web:1.2")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let [source, target] = &self.images[..] else { return Ok(ExitCode::FAILURE) };
        let parsed = Reference::parse(target).map_err(|error| {
            Error::message(format!("Error parsing reference: {target:?} is not a valid repository/tag: {error}"))
        })?;
        if parsed.digest().is_some() {
            return Err(Error::message("refusing to create a tag with a digest reference"));
        }
        let parsed = parsed.with_default_tag();
        cli.client()?.image_tag(source, &parsed.familiar_name(), parsed.tag().unwrap_or("latest")).await?;
        Ok(ExitCode::SUCCESS)
    }
}
