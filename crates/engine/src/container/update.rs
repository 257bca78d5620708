//! `update`: other limits and another restart policy, at once and for good.

use std::sync::Arc;

use teu_api::container::{HostConfig, UpdateRequest, UpdateResponse};
use teu_keeper::protocol::Request;

use super::actor::{Actor, Command};
use super::{defaults, spec, stored, validate};
use crate::store::Write;
use crate::{Engine, Error};

impl Engine {
    /// Changes limits and the restart policy. What the request leaves at its zero value stays.
    ///
    /// # Errors
    /// No such container; the new values are not allowed or exclude what is set already; the kernel refuses them.
    pub async fn container_update(&self, container: &str, mut request: UpdateRequest) -> Result<UpdateResponse, Error> {
        let mut warnings = Vec::new();
        let mut asked = alone(&request);
        defaults::discard(&mut asked, self.machine(), &mut warnings);
        request.blkio_weight = asked.blkio_weight;
        validate::host(&alone(&request), self.config(), self.machine(), &mut warnings)?;
        let handle = self.containers().find(container)?;
        handle.ask(|reply| Command::Update { request: Box::new(request), reply }).await?;
        Ok(UpdateResponse { warnings: (!warnings.is_empty()).then_some(warnings) })
    }
}

/// The request as if a container were made of it, for the checks that need nothing else.
fn alone(request: &UpdateRequest) -> HostConfig {
    let mut host = HostConfig::default();
    host.restart_policy.name = "no".to_owned();
    host.log_config.driver = "none".to_owned();
    // Swap alone is for the kernel to judge, by the memory that is set.
    let memory_swap = if request.memory == 0 { 0 } else { request.memory_swap };
    merge(&mut host, &UpdateRequest { memory_swap, ..request.clone() });
    host
}

/// Enters what a request changes.
pub(super) fn merge(host: &mut HostConfig, request: &UpdateRequest) {
    fn set<T: Default + PartialEq + Clone>(to: &mut T, from: &T) {
        if *from != T::default() {
            to.clone_from(from);
        }
    }
    set(&mut host.cpu_shares, &request.cpu_shares);
    set(&mut host.nano_cpus, &request.nano_cpus);
    set(&mut host.cpu_period, &request.cpu_period);
    set(&mut host.cpu_quota, &request.cpu_quota);
    set(&mut host.cpu_realtime_period, &request.cpu_realtime_period);
    set(&mut host.cpu_realtime_runtime, &request.cpu_realtime_runtime);
    set(&mut host.cpuset_cpus, &request.cpuset_cpus);
    set(&mut host.cpuset_mems, &request.cpuset_mems);
    set(&mut host.blkio_weight, &request.blkio_weight);
    set(&mut host.memory, &request.memory);
    set(&mut host.memory_swap, &request.memory_swap);
    set(&mut host.memory_reservation, &request.memory_reservation);
    if request.pids_limit.is_some() {
        host.pids_limit = request.pids_limit.map(|limit| limit.max(0));
    }
    if !request.restart_policy.name.is_empty() {
        host.restart_policy = request.restart_policy.clone();
    }
}

/// What a request cannot change, seen what is set already. In Docker's words.
pub(super) fn check(host: &HostConfig, request: &UpdateRequest) -> Result<(), Error> {
    if request.cpu_shares < 0 {
        // What runc makes of the number.
        return Err(Error::Part { part: "keeper", message: "the maximum allowed cpu-shares is 262144".to_owned() });
    }
    let conflicts = [
        (
            request.nano_cpus > 0 && host.cpu_period > 0,
            "Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set",
        ),
        (
            request.nano_cpus > 0 && host.cpu_quota > 0,
            "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set",
        ),
        (
            request.cpu_period > 0 && host.nano_cpus > 0,
            "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set",
        ),
        (
            request.cpu_quota > 0 && host.nano_cpus > 0,
            "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set",
        ),
        (
            request.memory != 0 && request.memory_swap == 0 && request.memory > swap(host),
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
        ),
        (
            host.auto_remove && !matches!(request.restart_policy.name.as_str(), "" | "no"),
            "Restart policy cannot be updated because AutoRemove is enabled for the container",
        ),
    ];
    match conflicts.iter().find(|(is, _)| *is) {
        Some((_, text)) => Err(Error::Conflict((*text).to_owned())),
        None => Ok(()),
    }
}

/// What a container's limits will be, without those that Docker checks in a request by itself only.
fn together(merged: &HostConfig, request: &UpdateRequest) -> HostConfig {
    let swap = if request.memory == 0 { 0 } else { merged.memory_swap };
    HostConfig { memory_reservation: 0, memory_swap: swap, ..merged.clone() }
}

/// The limit of memory and swap in effect; unlimited where neither is limited.
fn swap(host: &HostConfig) -> i64 {
    match (host.memory_swap, host.memory) {
        (0, memory) if memory > 0 => memory.saturating_mul(2),
        (swap, _) if swap > 0 => swap,
        _ => i64::MAX,
    }
}

/// What is wrong with an update, with Docker's words in front.
fn cannot(id: &str, error: Error) -> Error {
    let text = format!("Cannot update container {id}: {error}");
    match error {
        Error::Invalid(_) => Error::Invalid(text),
        Error::Conflict(_) => Error::Conflict(text),
        Error::Part { part: "keeper", message } => Error::Failed(format!(
            "Cannot update container {id}: runc did not terminate successfully: exit status 1: {message}\n: unknown"
        )),
        Error::Part { part, message } => {
            Error::Part { part, message: format!("Cannot update container {id}: {message}") }
        }
        other => other,
    }
}

impl Actor {
    /// Changes the definition and, if the container runs, its cgroup.
    pub(super) async fn update(&mut self, request: UpdateRequest) -> Result<(), Error> {
        let view = self.view();
        let id = self.handle.id.clone();
        if self.is_gone_for(&view.state.phase) {
            let text = "container is marked for removal and cannot be \"update\"".to_owned();
            return Err(cannot(&id, Error::Conflict(text)));
        }
        check(&view.definition.host, &request).map_err(|error| cannot(&id, error))?;
        let mut definition = (*view.definition).clone();
        merge(&mut definition.host, &request);
        let limits = together(&definition.host, &request);
        validate::limits(&limits, self.engine.machine()).map_err(|error| cannot(&id, error))?;
        if view.state.is_up()
            && let Some(resources) = spec::changed_resources(&definition.host, &request)
        {
            let request = Request::Update { container: id.clone(), resources: Box::new(resources) };
            match self.keeper(request).await {
                // It has just ended: the next run has the new limits.
                Ok(()) | Err(Error::NotRunning(_)) => {}
                Err(error) => return Err(cannot(&id, error)),
            }
        }
        let name = definition.name.clone();
        let write = Write::Define { id, name, definition: stored::definition(&definition)? };
        self.engine.store().commit(write).done().await?;
        self.handle.publish(|next| next.definition = Arc::new(definition));
        // It may have a limit of memory now that it had not.
        if self.memory.is_none() {
            self.watch_memory();
        }
        self.event("update", &[]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use teu_api::container::{HostConfig, UpdateRequest};

    use super::{check, merge, swap};

    #[test]
    fn zero_values_change_nothing() {
        let host = HostConfig { memory: 64 << 20, cpu_shares: 512, pids_limit: Some(7), ..HostConfig::default() };
        let mut merged = host.clone();
        merge(&mut merged, &UpdateRequest::default());
        assert_eq!(merged, host);
        merge(&mut merged, &UpdateRequest { cpu_shares: 256, pids_limit: Some(-1), ..UpdateRequest::default() });
        assert_eq!((merged.memory, merged.cpu_shares, merged.pids_limit), (64 << 20, 256, Some(0)));
    }

    #[test]
    fn conflicts_with_what_is_set() {
        let limited = HostConfig { memory: 64 << 20, nano_cpus: 1_000_000_000, ..HostConfig::default() };
        assert_eq!(swap(&limited), 128 << 20);
        let more = |memory, memory_swap| UpdateRequest { memory, memory_swap, ..UpdateRequest::default() };
        assert!(check(&limited, &more(128 << 20, 0)).is_ok());
        assert!(check(&limited, &more(129 << 20, 0)).is_err());
        assert!(check(&limited, &more(129 << 20, -1)).is_ok());
        assert!(check(&HostConfig::default(), &more(1 << 30, 0)).is_ok());
        assert!(check(&limited, &UpdateRequest { cpu_quota: 5000, ..UpdateRequest::default() }).is_err());
    }
}
