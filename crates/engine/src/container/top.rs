//! `top`: the processes in a container. Read from `/proc`, without a `ps`.

mod columns;
pub(super) mod fuzzing;
mod process;

use teu_api::container::Top;
use teu_sys::cgroup::{self, Cgroup};

use crate::{Engine, Error};

impl Engine {
    /// Lists a container's processes, with the columns that `ps_args` asks for (`-ef` if empty).
    ///
    /// # Errors
    /// No such container; it is not running; an argument of `ps` that is not supported.
    pub async fn container_top(&self, container: &str, ps_args: &str) -> Result<Top, Error> {
        let columns = columns::parse(ps_args)?;
        let handle = self.containers().find(container)?;
        let view = handle.view();
        if !view.state.is_up() {
            return Err(Error::NotRunning(handle.id.clone()));
        }
        let (engine, exits) = (self.clone(), view.exits);
        let work = move || {
            let Some(pids) = engine.pids(&engine.cgroup_path(&view.definition))? else {
                return Err(Error::NotRunning(view.definition.id.clone()));
            };
            let host = process::Host::read();
            // A process that has ended meanwhile is left out.
            let processes = pids.into_iter().filter_map(|pid| process::read(pid, &host));
            let row = |p: process::Process| columns.iter().map(|c| c.value(&p)).collect::<Vec<_>>();
            let rows = processes.map(row).collect();
            Ok(Top { titles: columns.iter().map(|c| c.title().to_owned()).collect(), processes: rows })
        };
        let top = tokio::task::spawn_blocking(work).await;
        let top = top.map_err(|e| Error::Part { part: "top", message: e.to_string() })?;
        if matches!(top, Err(Error::NotRunning(_))) {
            handle.wait_for_end(exits).await;
        }
        top
    }

    /// The processes of a control group; none if it is gone, as it is before the end of its container is told.
    fn pids(&self, path: &str) -> Result<Option<Vec<i32>>, Error> {
        let failed = |e: cgroup::Error| Error::Part { part: "cgroup", message: crate::backend::chain(&e) };
        let Some(hierarchy) = &self.machine().hierarchy else { return Ok(Some(Vec::new())) };
        let group = match Cgroup::open(hierarchy, path) {
            Err(cgroup::Error::NotFound { .. }) => return Ok(None),
            other => other.map_err(failed)?,
        };
        Ok(Some(group.pids().map_err(failed)?))
    }
}
