//! How the engine finds out whether the container works.

use anyhow::bail;
use clap::Args;
use teu_api::container::{CreateRequest, Healthcheck};

use crate::opts::{duration, number};

#[derive(Debug, Args)]
#[command(next_help_heading = "Health")]
pub(super) struct Health {
    /// Command to run to check health
    #[arg(long, value_name = "string", default_value = "")]
    health_cmd: String,
    /// Time between running the check (ms|s|m|h) (default 0s)
    #[arg(long, value_name = "duration", value_parser = duration::nanoseconds)]
    health_interval: Option<i64>,
    /// Consecutive failures needed to report unhealthy
    #[arg(long, value_name = "int", value_parser = number::int)]
    health_retries: Option<i64>,
    /// Time between running the check during the start period (ms|s|m|h) (default 0s)
    #[arg(long, value_name = "duration", value_parser = duration::nanoseconds)]
    health_start_interval: Option<i64>,
    /// Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)
    #[arg(long, value_name = "duration", value_parser = duration::nanoseconds)]
    health_start_period: Option<i64>,
    /// Maximum time to allow one check to run (ms|s|m|h) (default 0s)
    #[arg(long, value_name = "duration", value_parser = duration::nanoseconds)]
    health_timeout: Option<i64>,
    /// Disable any container-specified HEALTHCHECK
    #[arg(long)]
    no_healthcheck: bool,
}

impl Health {
    pub(super) fn apply(&self, request: &mut CreateRequest) -> anyhow::Result<()> {
        let given = |value: Option<i64>| value.unwrap_or(0);
        let check = Healthcheck {
            test: (!self.health_cmd.is_empty()).then(|| vec!["CMD-SHELL".to_owned(), self.health_cmd.clone()]),
            interval: given(self.health_interval),
            timeout: given(self.health_timeout),
            start_period: given(self.health_start_period),
            start_interval: given(self.health_start_interval),
            retries: given(self.health_retries),
        };
        let is_given = check != Healthcheck::default();
        if self.no_healthcheck {
            if is_given {
                bail!("--no-healthcheck conflicts with --health-* options");
            }
            let test = Some(vec!["NONE".to_owned()]);
            request.config.healthcheck = Some(Healthcheck { test, ..Healthcheck::default() });
            return Ok(());
        }
        for (flag, value) in [
            ("interval", check.interval),
            ("timeout", check.timeout),
            ("retries", check.retries),
            ("start-period", check.start_period),
            ("start-interval", check.start_interval),
        ] {
            if value < 0 {
                bail!("--health-{flag} cannot be negative");
            }
        }
        request.config.healthcheck = is_given.then_some(check);
        Ok(())
    }
}
