//! Devices of the host in the container.

use clap::Args;
use teu_api::container::{CreateRequest, DeviceRequest};

use super::{host, some};
use crate::opts::device::{self, Request};
use crate::opts::gpus;

#[derive(Debug, Args)]
#[command(next_help_heading = "Devices")]
pub(super) struct Devices {
    /// Add a host device to the container
    #[arg(long, value_name = "list")]
    device: Vec<String>,
    /// Add a rule to the cgroup allowed devices list
    #[arg(long, value_name = "list", value_parser = device::cgroup_rule)]
    device_cgroup_rule: Vec<String>,
    /// GPU devices to add to the container ('all' to pass all GPUs)
    #[arg(long, value_name = "gpu-request", value_parser = gpus::parse)]
    gpus: Vec<DeviceRequest>,
}

impl Devices {
    pub(super) fn apply(self, request: &mut CreateRequest) -> anyhow::Result<()> {
        let mut nodes = Vec::new();
        let mut cdi = Vec::new();
        for spec in &self.device {
            match device::parse(spec)? {
                Request::Node(node) => nodes.push(node),
                Request::Cdi(name) => cdi.push(name),
            }
        }
        let mut requests = self.gpus;
        if !cdi.is_empty() {
            requests.push(DeviceRequest {
                driver: "cdi".to_owned(),
                device_ids: Some(cdi),
                ..DeviceRequest::default()
            });
        }
        let host = host(request);
        host.devices = Some(nodes);
        host.device_cgroup_rules = some(self.device_cgroup_rule);
        host.device_requests = some(requests);
        Ok(())
    }
}
