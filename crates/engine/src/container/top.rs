//! `top`: the processes in a container. Read from `/proc`, without a `ps`.

mod columns;
pub(super) mod fuzzing;
mod process;

use teu_api::container::Top;
use teu_sys::cgroup::Cgroup;

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
        let engine = self.clone();
        let work = move || {
            let pids = engine.pids(&engine.cgroup_path(&view.definition))?;
            let host = process::Host::read();
            // A process that has ended meanwhile is left out.
            let processes = pids.into_iter().filter_map(|pid| process::read(pid, &host));
            let row = |p: process::Process| columns.iter().map(|c| c.value(&p)).collect::<Vec<_>>();
            let rows = processes.map(row).collect();
            Ok(Top { titles: columns.iter().map(|c| c.title().to_owned()).collect(), processes: rows })
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Part { part: "top", message: e.to_string() })?
    }

    fn pids(&self, path: &str) -> Result<Vec<i32>, Error> {
        let failed = |e: teu_sys::cgroup::Error| Error::Part { part: "cgroup", message: crate::backend::chain(&e) };
        let Some(hierarchy) = &self.machine().hierarchy else { return Ok(Vec::new()) };
        let mut pids = Cgroup::open(hierarchy, path).map_err(failed)?.pids().map_err(failed)?;
        pids.sort_unstable();
        Ok(pids)
    }
}
