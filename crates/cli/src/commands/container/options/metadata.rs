//! What is remembered about the container, and where its output goes.

use anyhow::bail;
use clap::Args;
use teu_api::container::{CreateRequest, LogConfig};

use super::host;
use crate::opts::{env, keyvalue};

#[derive(Debug, Args)]
#[command(next_help_heading = "Metadata and logging")]
pub(super) struct Metadata {
    /// Add an annotation to the container (passed through to the OCI runtime)
    #[arg(long, value_name = "map")]
    annotation: Vec<String>,
    /// Set meta data on a container
    #[arg(short, long, value_name = "list", value_parser = keyvalue::label)]
    label: Vec<String>,
    /// Read in a line delimited file of labels
    #[arg(long, value_name = "list")]
    label_file: Vec<String>,
    /// Logging driver for the container
    #[arg(long, value_name = "string", default_value = "")]
    log_driver: String,
    /// Log driver options
    #[arg(long, value_name = "list")]
    log_opt: Vec<String>,
}

impl Metadata {
    pub(super) fn apply(self, request: &mut CreateRequest) -> anyhow::Result<()> {
        if self.log_driver == "none" && !self.log_opt.is_empty() {
            bail!("invalid logging opts for driver {}", self.log_driver);
        }
        request.config.labels = Some(keyvalue::map(&env::collect_labels(&self.label_file, &self.label)?));
        let host = host(request);
        host.annotations = Some(keyvalue::map(&self.annotation)).filter(|annotations| !annotations.is_empty());
        host.log_config = LogConfig { driver: self.log_driver, config: Some(keyvalue::map(&self.log_opt)) };
        Ok(())
    }
}
