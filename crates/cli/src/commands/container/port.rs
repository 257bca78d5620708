//! `port`.

use std::process::ExitCode;

use clap::Args;
use teu_api::container::PortBinding;

use crate::app::Cli;
use crate::error::Error;
use crate::format::natural;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Port {
    args: Vec<String>,
}

impl Verb for Port {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["port"],
        top: "port",
        about: "List port mappings or a specific mapping for the container",
        usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
        arguments: Arity::between(1, 2),
        examples: &[("Where the web server answers", "port web 80")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let container = cli.client()?.container_inspect(&self.args[0]).await?;
        let ports = container.network_settings.ports;
        let lines = match self.args.get(1) {
            Some(wanted) => {
                let (number, protocol) = wanted.split_once('/').unwrap_or((wanted, "tcp"));
                if let Err(error) = number.parse::<u16>() {
                    let reason = match error.kind() {
                        std::num::IntErrorKind::PosOverflow => "value out of range",
                        _ => "invalid syntax",
                    };
                    let text =
                        format!("Error: invalid port ({number}): strconv.ParseUint: parsing {number:?}: {reason}");
                    return Err(Error::message(text));
                }
                match ports.get(&format!("{number}/{protocol}")) {
                    Some(Some(bindings)) => bindings.iter().map(address).collect(),
                    _ => {
                        let name = &self.args[0];
                        return Err(Error::message(format!("Error: No public port '{wanted}' published for {name}")));
                    }
                }
            }
            None => {
                let all = ports.iter().flat_map(|(port, bindings)| {
                    bindings.iter().flatten().map(move |binding| format!("{port} -> {}", address(binding)))
                });
                let mut lines: Vec<String> = all.collect();
                lines.sort_by(|a, b| natural::compare(a, b));
                lines
            }
        };
        cli.print(lines.iter().map(|line| format!("{line}\n")).collect::<String>())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn address(binding: &PortBinding) -> String {
    let PortBinding { host_ip, host_port } = binding;
    if host_ip.contains(':') { format!("[{host_ip}]:{host_port}") } else { format!("{host_ip}:{host_port}") }
}
