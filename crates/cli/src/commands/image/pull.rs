//! `pull`.

use std::process::ExitCode;

use clap::Args;
use teu_api::image::CreateOptions;
use teu_oci::reference::Reference;

use crate::app::Cli;
use crate::config::auth;
use crate::error::Error;
use crate::opts::platform;
use crate::progress::Display;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Download all tagged images in the repository
    #[arg(short, long)]
    all_tags: bool,
    /// Skip image verification (default true)
    #[arg(long, default_value = "true")]
    disable_content_trust: bool,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "string", value_parser = platform::parse)]
    platform: Option<String>,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    image: Vec<String>,
}

impl Verb for Pull {
    const SPEC: Spec = Spec {
        noun: "image",
        names: &["pull"],
        top: "pull",
        about: "Download an image from a registry",
        usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
        arguments: Arity::exactly(1),
        examples: &[
            ("The image `latest`", "pull busybox"),
            ("One for another processor", "pull --platform linux/arm64 debian:bookworm"),
            ("From a registry of your own", "pull registry.example.com:5000/team/app:1.2"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        if !self.disable_content_trust {
            return Err(Error::message("--disable-content-trust=false is not supported yet"));
        }
        let image = Reference::parse(&self.image[0]).map_err(|error| Error::message(error.to_string()))?;
        if self.all_tags && (image.tag().is_some() || image.digest().is_some()) {
            return Err(Error::message("tag can't be used with --all-tags/-a"));
        }
        let is_bare = image.tag().is_none() && image.digest().is_none();
        let image = if self.all_tags { image } else { image.with_default_tag() };
        if is_bare && !self.all_tags && !self.quiet {
            cli.say("Using default tag: latest")?;
        }
        let display = if self.quiet { Display::Quiet } else { Display::stdout() };
        pull(cli, &image, &self.platform.unwrap_or_default(), display).await?;
        cli.say(image.to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Pulls an image; one without tag and digest means all its tags.
pub(crate) async fn pull(cli: &Cli, image: &Reference, platform: &str, display: Display) -> Result<(), Error> {
    let tag = match (image.digest(), image.tag()) {
        (Some(digest), _) => digest.to_string(),
        (None, tag) => tag.unwrap_or_default().to_owned(),
    };
    let options = CreateOptions {
        from_image: image.familiar_name(),
        tag,
        platform: platform.to_owned(),
        ..CreateOptions::default()
    };
    let credentials = auth::for_image(cli.config(), image)?;
    let messages = cli.client()?.image_pull(&options, credentials.as_ref()).await?;
    display.follow(messages, |_| ()).await
}
