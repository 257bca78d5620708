//! `version`.

use teu_api::system::Version;

use crate::{Engine, Error};

impl Engine {
    /// Versions of the engine, its parts and the kernel.
    ///
    /// # Errors
    /// The machine does not tell.
    pub async fn system_version(&self) -> Result<Version, Error> {
        todo!()
    }
}
