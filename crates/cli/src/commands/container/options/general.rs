//! How the container is made, started and stopped.

use anyhow::{anyhow, bail};
use clap::Args;
use teu_api::container::{CreateRequest, RestartPolicy};

use super::host;
use crate::flags::SWITCH;
use crate::opts::keyvalue;

#[derive(Debug, Args)]
pub(crate) struct General {
    /// Attach to STDIN, STDOUT or STDERR
    #[arg(short, long, value_name = "list", value_parser = keyvalue::stream)]
    pub(crate) attach: Vec<String>,
    /// Write the container ID to the file
    #[arg(long, value_name = "string")]
    pub(crate) cidfile: Option<String>,
    /// Skip image verification (default true)
    #[arg(long, default_value = "true")]
    pub(crate) disable_content_trust: bool,
    /// Run an init inside the container that forwards signals and reaps processes
    #[arg(long, value_name = SWITCH)]
    init: Option<bool>,
    /// Keep STDIN open even if not attached
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Container isolation technology
    #[arg(long, value_name = "string", default_value = "")]
    isolation: String,
    /// Assign a name to the container
    #[arg(long, value_name = "string", default_value = "")]
    pub(crate) name: String,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "string")]
    pub(crate) platform: Option<String>,
    /// Pull image before running ("always", "missing", "never") (default "missing")
    #[arg(long, value_name = "string", default_value = "missing")]
    pull: String,
    /// Suppress the pull output
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Restart policy to apply when a container exits (default "no")
    #[arg(long, value_name = "string", default_value = "no")]
    restart: String,
    /// Automatically remove the container and its associated anonymous volumes when it exits
    #[arg(long)]
    pub(crate) rm: bool,
    /// Runtime to use for this container
    #[arg(long, value_name = "string", default_value = "")]
    runtime: String,
    /// Signal to stop the container
    #[arg(long, value_name = "string", default_value = "")]
    stop_signal: String,
    /// Timeout (in seconds) to stop a container
    #[arg(long, value_name = "int", value_parser = crate::opts::number::int)]
    stop_timeout: Option<i64>,
    /// Allocate a pseudo-TTY
    #[arg(short, long)]
    pub(crate) tty: bool,
}

/// When the image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pull {
    /// Before every creation.
    Always,
    /// When the engine does not have it.
    Missing,
    /// Not at all.
    Never,
}

impl General {
    /// When the image is to be pulled.
    pub(crate) fn pull(&self) -> anyhow::Result<Pull> {
        match self.pull.as_str() {
            "always" => Ok(Pull::Always),
            "missing" | "" => Ok(Pull::Missing),
            "never" => Ok(Pull::Never),
            other => bail!(r#"invalid pull option: '{other}': must be one of "always", "missing" or "never""#),
        }
    }

    /// The platform asked for, or `DOCKER_DEFAULT_PLATFORM`; empty for any.
    pub(crate) fn platform(&self) -> String {
        self.platform.clone().or_else(|| std::env::var("DOCKER_DEFAULT_PLATFORM").ok()).unwrap_or_default()
    }

    pub(super) fn apply(&self, request: &mut CreateRequest) -> anyhow::Result<()> {
        if !self.disable_content_trust {
            bail!("--disable-content-trust=false is not supported yet");
        }
        let restart = restart_policy(&self.restart)?;
        if self.rm && !matches!(restart.name.as_str(), "" | "no") {
            bail!("conflicting options: cannot specify both --restart and --rm");
        }
        let config = &mut request.config;
        config.tty = self.tty;
        config.open_stdin = self.interactive;
        let attached = |stream: &str| self.attach.iter().any(|name| name == stream);
        config.attach_stdin = attached("stdin") || (self.attach.is_empty() && self.interactive);
        config.attach_stdout = attached("stdout") || self.attach.is_empty();
        config.attach_stderr = attached("stderr") || self.attach.is_empty();
        // Standard input ends with the first client that leaves.
        config.stdin_once = config.open_stdin && config.attach_stdin;
        config.stop_signal.clone_from(&self.stop_signal);
        config.stop_timeout = self.stop_timeout;

        let host = host(request);
        host.auto_remove = self.rm;
        host.restart_policy = restart;
        host.init = self.init;
        host.isolation.clone_from(&self.isolation);
        host.runtime.clone_from(&self.runtime);
        host.container_id_file = self.cidfile.clone().unwrap_or_default();
        Ok(())
    }
}

/// `name[:maximum]`. Whether the name is known, the engine decides.
pub(crate) fn restart_policy(text: &str) -> anyhow::Result<RestartPolicy> {
    let (name, count) = text.split_once(':').map_or((text, None), |(name, count)| (name, Some(count)));
    if name.is_empty() && count.is_some() {
        bail!("invalid restart policy format: no policy provided before colon");
    }
    let maximum_retry_count = match count {
        Some(count) => count
            .parse()
            .map_err(|_| anyhow!("invalid restart policy format: maximum retry count must be an integer"))?,
        None => 0,
    };
    Ok(RestartPolicy { name: name.to_owned(), maximum_retry_count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_policies() {
        assert_eq!(restart_policy("on-failure:3").unwrap().maximum_retry_count, 3);
        assert_eq!(restart_policy("always").unwrap().name, "always");
        assert_eq!(
            restart_policy("on-failure:x").unwrap_err().to_string(),
            "invalid restart policy format: maximum retry count must be an integer"
        );
        assert!(restart_policy(":3").is_err());
    }
}
