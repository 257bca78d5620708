//! `info`.

use teu_api::system::Info;

use crate::{Engine, Error};

impl Engine {
    /// The engine's settings and counts, and what the machine can do.
    ///
    /// # Errors
    /// The machine does not tell.
    pub async fn system_info(&self) -> Result<Info, Error> {
        todo!()
    }
}
