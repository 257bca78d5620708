//! `exec inspect`.

use teu_api::exec::Inspect;

use crate::{Engine, Error};

impl Engine {
    /// Everything about an exec.
    ///
    /// # Errors
    /// No such exec.
    pub async fn exec_inspect(&self, exec: &str) -> Result<Inspect, Error> {
        let _ = exec;
        todo!()
    }
}
