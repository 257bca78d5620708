//! `network connect`.

use std::process::ExitCode;

use clap::Args;
use teu_api::network::{ConnectRequest, EndpointIpamConfig, EndpointSettings};

use crate::app::Cli;
use crate::error::Error;
use crate::opts::keyvalue;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// Add network-scoped alias for the container
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    alias: Vec<String>,
    /// driver options for the network
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    driver_opt: Vec<String>,
    /// Highest gw-priority provides the default gateway. Accepts positive and negative values.
    #[arg(long, value_name = "int", default_value_t = 0)]
    gw_priority: i64,
    /// IPv4 address (e.g., "172.30.100.104")
    #[arg(long, value_name = "string", default_value = "")]
    ip: String,
    /// IPv6 address (e.g., "2001:db8::33")
    #[arg(long, value_name = "string", default_value = "")]
    ip6: String,
    /// Add link to another container
    #[arg(long, value_name = "list", value_parser = keyvalue::link)]
    link: Vec<String>,
    /// Add a link-local address for the container
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    link_local_ip: Vec<String>,
    names: Vec<String>,
}

impl Verb for Connect {
    const SPEC: Spec = Spec {
        noun: "network",
        names: &["connect"],
        top: "",
        about: "Connect a container to a network",
        usage: "[OPTIONS] NETWORK CONTAINER",
        arguments: Arity::exactly(2),
        examples: &[("A container that others there call db, too", "network connect --alias db app postgres")],
    };

    async fn run(mut self, cli: &Cli) -> Result<ExitCode, Error> {
        let container = self.names.pop().unwrap_or_default();
        let network = self.names.pop().unwrap_or_default();
        let request = ConnectRequest { container, endpoint_config: Some(self.endpoint()?) };
        cli.client()?.network_connect(&network, &request).await?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Connect {
    fn endpoint(self) -> anyhow::Result<EndpointSettings> {
        if let Some(bad) = self.driver_opt.iter().find(|option| !option.contains('=')) {
            anyhow::bail!("invalid key/value pair format in driver options: {bad}");
        }
        let some = |list: Vec<String>| Some(list).filter(|list| !list.is_empty());
        let ipam = EndpointIpamConfig {
            ipv4_address: self.ip,
            ipv6_address: self.ip6,
            link_local_ips: some(self.link_local_ip),
        };
        Ok(EndpointSettings {
            ipam_config: Some(ipam),
            links: some(self.link),
            aliases: some(self.alias),
            driver_opts: Some(keyvalue::map(&self.driver_opt)),
            gw_priority: Some(self.gw_priority).filter(|priority| *priority != 0),
            ..EndpointSettings::default()
        })
    }
}
