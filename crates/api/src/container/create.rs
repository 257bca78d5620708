//! `POST /containers/create` and `POST /containers/{id}/update`.

use super::{Config, HostConfig, RestartPolicy};
use crate::json::{self, is_zero};
use crate::network::NetworkingConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// Body of `POST /containers/create`: a [`Config`] with two more fields beside its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateRequest {
    /// What runs.
    #[serde(flatten)]
    pub config: Config,
    /// How it is tied to the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_config: Option<HostConfig>,
    /// Networks it is connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networking_config: Option<NetworkingConfig>,
}

// Written by hand since `flatten` would read the fields of `Config` past the lenient decoder.
impl<'de> Deserialize<'de> for CreateRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "PascalCase")]
        struct Beside {
            host_config: Option<HostConfig>,
            networking_config: Option<NetworkingConfig>,
        }
        let body = serde_json::Value::deserialize(deserializer)?;
        let config = json::from_value(&body).map_err(D::Error::custom)?;
        let Beside { host_config, networking_config } = json::from_value(&body).map_err(D::Error::custom)?;
        Ok(Self { config, host_config, networking_config })
    }
}

/// Answer to `POST /containers/create`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateResponse {
    /// Id of the container.
    pub id: String,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// The header that tells what `POST /containers/run` has created: base64 of a [`CreateResponse`] in JSON.
pub const CREATED: &str = "teu-created";

impl CreateResponse {
    /// Reads the value of the [`CREATED`] header.
    ///
    /// # Errors
    /// It is not JSON in base64.
    pub fn from_header(value: &[u8]) -> serde_json::Result<Self> {
        // What is not base64 is not JSON either: one error will do.
        json::from_slice(&STANDARD.decode(value).unwrap_or_default())
    }

    /// Writes the value of the [`CREATED`] header.
    pub fn to_header(&self) -> String {
        STANDARD.encode(serde_json::to_vec(self).unwrap_or_default())
    }
}

/// Body of `POST /containers/{id}/update`. Zero values mean unchanged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UpdateRequest {
    /// Relative processor weight.
    #[serde(skip_serializing_if = "is_zero")]
    pub cpu_shares: i64,
    /// Memory limit in bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub memory: i64,
    /// Processor limit in units of 1e-9 processors.
    #[serde(skip_serializing_if = "is_zero")]
    pub nano_cpus: i64,
    /// Relative block I/O weight.
    #[serde(skip_serializing_if = "is_zero")]
    pub blkio_weight: u16,
    /// Scheduler period in microseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub cpu_period: i64,
    /// Scheduler quota in microseconds per period.
    #[serde(skip_serializing_if = "is_zero")]
    pub cpu_quota: i64,
    /// Real-time scheduler period in microseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub cpu_realtime_period: i64,
    /// Real-time scheduler runtime in microseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub cpu_realtime_runtime: i64,
    /// Processors the container may use.
    #[serde(skip_serializing_if = "is_zero")]
    pub cpuset_cpus: String,
    /// Memory nodes the container may use.
    #[serde(skip_serializing_if = "is_zero")]
    pub cpuset_mems: String,
    /// Soft memory limit in bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_reservation: i64,
    /// Memory and swap limit in bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_swap: i64,
    /// Limit on processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<i64>,
    /// When the container is started again.
    #[serde(skip_serializing_if = "is_zero")]
    pub restart_policy: RestartPolicy,
}

/// Answer to `POST /containers/{id}/update`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UpdateResponse {
    /// What the user should know.
    pub warnings: Option<Vec<String>>,
}
