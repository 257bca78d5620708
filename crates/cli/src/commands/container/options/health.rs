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
    /// Page that tells health by a status from 200 to 399, fetched by the engine inside the container's network
    #[arg(long, value_name = "url", default_value = "")]
    health_http: String,
    /// Port that tells health by taking connections, tried by the engine inside the container's network
    #[arg(long, value_name = "[host:]port", default_value = "")]
    health_tcp: String,
    /// Port of a gRPC health service, asked by the engine inside the container's network
    #[arg(long, value_name = "[host:]port[/service]", default_value = "")]
    health_grpc: String,
    /// What happens to a container that becomes unhealthy ("none", "kill", "restart", "stop")
    #[arg(long, value_name = "string", default_value = "")]
    health_on_failure: String,
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
    /// The one way of asking that is given.
    fn test(&self) -> anyhow::Result<Option<Vec<String>>> {
        let (port, service) = self.health_grpc.split_once('/').unwrap_or((&self.health_grpc, ""));
        let ways = [
            ["CMD-SHELL", &self.health_cmd, ""],
            ["HTTP", &self.health_http, ""],
            ["TCP", &self.health_tcp, ""],
            ["GRPC", port, service],
        ];
        let mut given = ways.into_iter().filter(|[_, value, _]| !value.is_empty());
        let (Some(way), None) = (given.next(), given.next()) else {
            if ways.iter().any(|[_, value, _]| !value.is_empty()) {
                bail!("--health-cmd, --health-http, --health-tcp and --health-grpc exclude each other");
            }
            return Ok(None);
        };
        Ok(Some(way.into_iter().filter(|word| !word.is_empty()).map(str::to_owned).collect()))
    }

    pub(super) fn apply(&self, request: &mut CreateRequest) -> anyhow::Result<()> {
        let given = |value: Option<i64>| value.unwrap_or(0);
        let check = Healthcheck {
            test: self.test()?,
            interval: given(self.health_interval),
            timeout: given(self.health_timeout),
            start_period: given(self.health_start_period),
            start_interval: given(self.health_start_interval),
            retries: given(self.health_retries),
            on_failure: self.health_on_failure.clone(),
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
