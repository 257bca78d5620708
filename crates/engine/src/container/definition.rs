//! What a container is defined as: decided at create, changed by rename and update only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use teu_api::container::{Config, HostConfig};
use teu_api::network::EndpointSettings;
use teu_oci::runtime::IdMaps;

use super::membership;
use super::mounts::Mount;
use super::policy::Policy;

/// What was asked for of networks, by their names. A map makes room for eleven values at once, and most containers have one: boxed.
pub(crate) type Endpoints = BTreeMap<String, Box<EndpointSettings>>;

/// A container's definition, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Definition {
    /// 64 hexadecimal digits.
    pub(crate) id: String,
    /// Without a slash.
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    /// Digest of its image.
    pub(crate) image: String,
    /// What runs: the request merged with the image's configuration.
    pub(crate) config: Config,
    /// How it is tied to the host, defaults filled in.
    pub(crate) host: HostConfig,
    /// Networks, by name, with what was asked for.
    pub(crate) endpoints: Endpoints,
    /// Mounts, in the order in which they are made.
    pub(crate) mounts: Vec<Mount>,
    /// Maps of its user namespace, as they were when it was created: its files belong to these ids. None if it lives in the
    /// host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ids: Option<IdMaps>,
}

impl Definition {
    /// Program and arguments: the entry point, then the command.
    pub(crate) fn command(&self) -> impl Iterator<Item = &String> {
        self.config.entrypoint.iter().flatten().chain(self.config.cmd.iter().flatten())
    }

    /// What its root is outside; none if it is the host's.
    pub(crate) fn root(&self) -> Option<(u32, u32)> {
        self.ids.as_ref().and_then(|ids| ids.root())
    }

    /// Whether it is on a network where the engine answers for names.
    pub(crate) fn has_names(&self) -> bool {
        self.endpoints.keys().any(|network| membership::has_names(network))
    }

    /// Its restart policy.
    pub(crate) fn policy(&self) -> Policy {
        let policy = &self.host.restart_policy;
        Policy::parse(&policy.name, policy.maximum_retry_count)
    }

    /// User-defined labels.
    pub(crate) fn labels(&self) -> impl Iterator<Item = (&String, &String)> {
        self.config.labels.iter().flatten()
    }

    /// Attributes of its events: labels, image and name.
    pub(crate) fn attributes(&self) -> BTreeMap<String, String> {
        let mut all: BTreeMap<String, String> = self.labels().map(|(k, v)| (k.clone(), v.clone())).collect();
        all.insert("image".to_owned(), self.config.image.clone());
        all.insert("name".to_owned(), self.name.clone());
        all
    }
}
