//! `network create`.

use std::process::ExitCode;

use clap::Args;
use teu_api::network::{ConfigReference, CreateRequest, Ipam};

use crate::app::Cli;
use crate::error::Error;
use crate::flags::SWITCH;
use crate::opts::{ipam, keyvalue};
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Enable manual container attachment
    #[arg(long)]
    attachable: bool,
    /// Auxiliary IPv4 or IPv6 addresses used by Network driver
    #[arg(long, value_name = "map")]
    aux_address: Vec<String>,
    /// The network from which to copy the configuration
    #[arg(long, value_name = "string", default_value = "")]
    config_from: String,
    /// Create a configuration only network
    #[arg(long)]
    config_only: bool,
    /// Driver to manage the Network (default "bridge")
    #[arg(short, long, value_name = "string", default_value = "bridge")]
    driver: String,
    /// IPv4 or IPv6 Gateway for the master subnet
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    gateway: Vec<String>,
    /// Create swarm routing-mesh network
    #[arg(long)]
    ingress: bool,
    /// Restrict external access to the network
    #[arg(long)]
    internal: bool,
    /// Allocate container ip from a sub-range
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    ip_range: Vec<String>,
    /// IP Address Management Driver (default "default")
    #[arg(long, value_name = "string", default_value = "default")]
    ipam_driver: String,
    /// Set IPAM driver specific options
    #[arg(long, value_name = "map")]
    ipam_opt: Vec<String>,
    /// Enable or disable IPv4 address assignment (default true)
    #[arg(long, value_name = SWITCH)]
    ipv4: Option<bool>,
    /// Enable or disable IPv6 address assignment
    #[arg(long, value_name = SWITCH)]
    ipv6: Option<bool>,
    /// Set metadata on a network
    #[arg(long, value_name = "list", value_parser = keyvalue::label)]
    label: Vec<String>,
    /// Set driver specific options
    #[arg(short, long, value_name = "map")]
    opt: Vec<String>,
    /// Control the network's scope
    #[arg(long, value_name = "string", default_value = "")]
    scope: String,
    /// Subnet in CIDR format that represents a network segment
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    subnet: Vec<String>,
    network: Vec<String>,
}

impl Verb for Create {
    const SPEC: Spec = Spec {
        noun: "network",
        names: &["create"],
        top: "",
        about: "Create a network",
        usage: "[OPTIONS] NETWORK",
        arguments: Arity::exactly(1),
        examples: &[
            ("A network whose containers find each other by name", "network create app"),
            ("With a subnet of your choice, and no way out", "network create --internal --subnet 10.9.0.0/24 db"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let request = self.request()?;
        let made = cli.client()?.network_create(&request).await?;
        if !made.warning.is_empty() {
            cli.warn(&made.warning);
        }
        cli.say(made.id)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Create {
    fn request(self) -> anyhow::Result<CreateRequest> {
        let rows = ipam::rows(&self.subnet, &self.ip_range, &self.gateway, &keyvalue::map(&self.aux_address))?;
        let reference = Some(self.config_from).filter(|name| !name.is_empty());
        Ok(CreateRequest {
            name: self.network.into_iter().next().unwrap_or_default(),
            driver: self.driver,
            scope: self.scope,
            enable_ipv4: self.ipv4,
            enable_ipv6: self.ipv6,
            ipam: Some(Ipam {
                driver: self.ipam_driver,
                options: Some(keyvalue::map(&self.ipam_opt)),
                config: Some(rows),
            }),
            internal: self.internal,
            attachable: self.attachable,
            ingress: self.ingress,
            config_only: self.config_only,
            config_from: reference.map(|network| ConfigReference { network }),
            options: Some(keyvalue::map(&self.opt)),
            labels: Some(keyvalue::map(&self.label)),
            ..CreateRequest::default()
        })
    }
}
