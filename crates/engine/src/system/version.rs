//! `version`.

use std::collections::BTreeMap;

use teu_api::system::{Component, Platform, Version};
use teu_api::version::{ApiVersion, GIT_COMMIT};

use crate::{Engine, Error, machine};

impl Engine {
    /// Versions of the engine, its parts and the kernel.
    ///
    /// # Errors
    /// The machine does not tell.
    pub async fn system_version(&self) -> Result<Version, Error> {
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        let version = env!("CARGO_PKG_VERSION");
        let details: BTreeMap<String, String> = [
            ("ApiVersion", ApiVersion::MAX.to_string()),
            ("Arch", machine::architecture().to_owned()),
            ("GitCommit", GIT_COMMIT.to_owned()),
            ("Experimental", "false".to_owned()),
            ("KernelVersion", kernel.clone()),
            ("MinAPIVersion", ApiVersion::MIN.to_string()),
            ("Os", "linux".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        let engine = Component { name: "Engine".to_owned(), version: version.to_owned(), details: Some(details) };
        Ok(Version {
            platform: Platform { name: "Teu Engine".to_owned() },
            components: Some(vec![engine]),
            version: version.to_owned(),
            api_version: ApiVersion::MAX.to_string(),
            min_api_version: ApiVersion::MIN.to_string(),
            git_commit: GIT_COMMIT.to_owned(),
            go_version: "none (Rust)".to_owned(),
            os: "linux".to_owned(),
            arch: machine::architecture().to_owned(),
            kernel_version: kernel,
            ..Version::default()
        })
    }
}
