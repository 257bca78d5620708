//! `exec inspect`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use teu_api::detach_keys;
use teu_api::exec::{Inspect, ProcessConfig};

use super::registry::Phase;
use crate::{Engine, Error};

impl Engine {
    /// Everything about an exec.
    ///
    /// # Errors
    /// No such exec.
    pub async fn exec_inspect(&self, exec: &str) -> Result<Inspect, Error> {
        let exec = self.execs().find(exec)?;
        let request = &exec.request;
        let command = request.cmd.as_deref().unwrap_or(&[]);
        let (running, exit_code, pid) = match exec.phase() {
            Phase::Created | Phase::Starting { .. } => (false, None, 0),
            Phase::Running { pid, .. } => (true, None, pid),
            Phase::Exited { code, pid, .. } => (false, Some(i64::from(code)), pid),
        };
        Ok(Inspect {
            id: exec.id.clone(),
            running,
            exit_code,
            process_config: ProcessConfig {
                tty: request.tty,
                entrypoint: command.first().cloned().unwrap_or_default(),
                arguments: command.iter().skip(1).cloned().collect(),
                privileged: Some(request.privileged),
                user: request.user.clone(),
            },
            open_stdin: request.attach_stdin,
            open_stderr: request.attach_stderr,
            open_stdout: request.attach_stdout,
            can_remove: exit_code.is_some(),
            container_id: exec.container.id.clone(),
            detach_keys: base64_keys(&request.detach_keys),
            pid: i64::from(pid),
        })
    }
}

/// Docker shows the keys as bytes; none where the default holds.
fn base64_keys(text: &str) -> String {
    let keys = if text.is_empty() { Vec::new() } else { detach_keys::parse(text).unwrap_or_default() };
    STANDARD.encode(keys)
}
