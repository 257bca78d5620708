//! `version`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use teu_api::system::{Component, Platform, Version};
use teu_api::version::{ApiVersion, Build};

use crate::{Engine, Error, machine};

/// Said where Docker tells its version of Go.
const GO_VERSION: &str = "none (Rust)";

impl Engine {
    /// Versions of the engine, its parts and the kernel.
    ///
    /// # Errors
    /// The machine does not tell.
    pub async fn system_version(&self) -> Result<Version, Error> {
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        let version = env!("CARGO_PKG_VERSION");
        let Build { commit, time } = Build::current();
        let built = time.and_then(|seconds| Timestamp::from_second(seconds).ok());
        // With the decimals that Docker's have.
        let built = built.map_or_else(String::new, |time| time.strftime("%Y-%m-%dT%H:%M:%S.%9f+00:00").to_string());
        let details: BTreeMap<String, String> = [
            ("ApiVersion", ApiVersion::MAX.to_string()),
            ("Arch", machine::architecture().to_owned()),
            ("BuildTime", built.clone()),
            ("GitCommit", commit.to_owned()),
            ("GoVersion", GO_VERSION.to_owned()),
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
            git_commit: commit.to_owned(),
            go_version: GO_VERSION.to_owned(),
            os: "linux".to_owned(),
            arch: machine::architecture().to_owned(),
            kernel_version: kernel,
            build_time: built,
            ..Version::default()
        })
    }
}
