//! What runs in the container.

use clap::Args;
use teu_api::container::CreateRequest;

use super::{host, some};
use crate::opts::env;

#[derive(Debug, Args)]
#[command(next_help_heading = "Process")]
pub(crate) struct Process {
    /// Container NIS domain name
    #[arg(long, value_name = "string", default_value = "")]
    domainname: String,
    /// Overwrite the default ENTRYPOINT of the image
    #[arg(long, value_name = "string")]
    entrypoint: Option<String>,
    /// Set environment variables
    #[arg(short, long, value_name = "list", value_parser = env::variable)]
    pub(crate) env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "list")]
    env_file: Vec<String>,
    /// Add additional groups to join
    #[arg(long, value_name = "list")]
    group_add: Vec<String>,
    /// Container host name
    #[arg(short = 'h', long, value_name = "string", default_value = "")]
    hostname: String,
    /// Username or UID (format: <name|uid>[:<group|gid>])
    #[arg(short, long, value_name = "string", default_value = "")]
    user: String,
    /// Working directory inside the container
    #[arg(short, long, value_name = "string", default_value = "")]
    workdir: String,
}

impl Process {
    pub(super) fn apply(self, request: &mut CreateRequest) -> anyhow::Result<()> {
        let config = &mut request.config;
        config.env = some(env::collect(&self.env_file, &self.env)?);
        // An empty entry point resets that of the image.
        config.entrypoint = self.entrypoint.map(|program| vec![program]);
        config.hostname = self.hostname;
        config.domainname = self.domainname;
        config.user = self.user;
        config.working_dir = self.workdir;
        host(request).group_add = some(self.group_add);
        Ok(())
    }
}
