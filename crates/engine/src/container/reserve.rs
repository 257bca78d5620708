//! What the keeper makes of a container while the engine makes everything else ready.

use teu_keeper::protocol::{Request, RuntimeChoice};

use super::actor::Actor;
use super::definition::Definition;

impl Actor {
    /// Has the keeper make the container's cgroup ahead of the start. If that fails, the start says why.
    pub(super) fn reserve(&self, definition: &Definition) {
        self.tell(definition, |container, cgroup_path| Request::Reserve { container, cgroup_path });
    }

    /// Has the keeper remove what [`Self::reserve`] asked for: there is no start.
    pub(super) fn unreserve(&self) {
        self.tell(&self.view().definition, |container, cgroup_path| Request::Unreserve { container, cgroup_path });
    }

    /// Sends a request for which nobody waits. Other runtimes make their cgroups themselves.
    fn tell(&self, definition: &Definition, request: impl FnOnce(String, String) -> Request) {
        if matches!(self.engine.runtime_choice(&definition.host.runtime), Ok(RuntimeChoice::Native)) {
            let request = request(definition.id.clone(), self.engine.cgroup_path(definition));
            drop(self.engine.processes().call(request, Vec::new()));
        }
    }
}
