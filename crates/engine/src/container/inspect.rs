//! `inspect`.

use std::collections::BTreeMap;

use teu_api::container::{Config, DriverData, HostConfig, Inspect, NetworkSettings, State};

use super::definition::Definition;
use super::handle::{Handle, View};
use super::state::{Phase, Reached};
use super::{health, link, network_view, sandbox, spec};
use crate::{Engine, Error, time};

impl Engine {
    /// Everything about a container; with `size` what it has written, too.
    ///
    /// # Errors
    /// No such container.
    pub async fn container_inspect(&self, container: &str, size: bool) -> Result<Inspect, Error> {
        let handle = self.containers().find(container)?;
        let mut inspect = self.inspected(&handle);
        if size {
            let (written, whole) = self.container_size(&handle).await?;
            inspect.size_rw = Some(written);
            inspect.size_root_fs = Some(whole);
        }
        Ok(inspect)
    }

    fn inspected(&self, handle: &Handle) -> Inspect {
        let view = handle.view();
        let definition = &view.definition;
        let mut command = definition.command();
        let files = sandbox::files(self, definition).unwrap_or_else(|_| self.container_files(&handle.id));
        // They are said to be there from the first start on that came so far.
        let reached = match view.state.has_been_started {
            true => Reached::Log,
            false => view.state.failure().map_or(Reached::Nothing, |failure| failure.reached),
        };
        let text = |path: &std::path::Path, from: Reached| match reached >= from {
            true => path.to_string_lossy().into_owned(),
            false => String::new(),
        };
        let logged = definition.host.log_config.driver == "json-file";
        Inspect {
            id: definition.id.clone(),
            created: definition.created.to_string(),
            path: command.next().cloned().unwrap_or_default(),
            args: command.cloned().collect(),
            state: state(&view),
            image: definition.image.clone(),
            resolv_conf_path: text(&files.resolv_conf, Reached::Files),
            hostname_path: text(&files.hostname, Reached::Files),
            hosts_path: text(&files.hosts, Reached::Files),
            log_path: if logged { text(&self.container_files(&handle.id).log, Reached::Log) } else { String::new() },
            name: format!("/{}", definition.name),
            restart_count: i64::from(view.state.restart_count),
            driver: self.images().driver().to_owned(),
            app_armor_profile: spec::apparmor_profile(&definition.host, self.machine()),
            platform: "linux".to_owned(),
            exec_ids: self.execs().running_in(&handle.id),
            host_config: HostConfig { links: link::shown(self, definition), ..definition.host.clone() },
            graph_driver: DriverData { data: Some(BTreeMap::new()), name: self.images().driver().to_owned() },
            mounts: definition
                .mounts
                .iter()
                .filter(|m| m.is_listed())
                .map(|m| m.point(self.volumes().root()))
                .collect(),
            config: config(definition),
            network_settings: self.with_network_ids(network_view::settings(&view), &view),
            ..Inspect::default()
        }
    }

    /// A container that was started keeps the ids of its networks, though it has no endpoint in them any more.
    fn with_network_ids(&self, mut settings: NetworkSettings, view: &View) -> NetworkSettings {
        if view.state.last_exit().is_none() && view.state.failure().is_none() {
            return settings;
        }
        let Ok(networks) = self.networks() else { return settings };
        for (name, endpoint) in settings.networks.iter_mut().filter(|(_, endpoint)| endpoint.network_id.is_empty()) {
            if let Ok(network) = networks.record(name) {
                endpoint.network_id = network.id;
            }
        }
        settings
    }

    /// Bytes a container has written, and bytes of its whole root file system.
    pub(crate) async fn container_size(&self, handle: &Handle) -> Result<(i64, i64), Error> {
        let (engine, view) = (self.clone(), handle.view());
        let work = move || {
            let written = engine.images().written(&view.definition.id)?;
            // The image may be gone: its layers stay as long as the container does, its record does not.
            let image = engine.images().resolve(&view.definition.image).map_or(0, |image| image.size);
            let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            Ok((number(written), number(written.saturating_add(image))))
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Part { part: "image", message: e.to_string() })?
    }
}

/// The configuration, with the hardware address that was asked for of the network: older clients look for it there.
fn config(definition: &Definition) -> Config {
    let mut config = definition.config.clone();
    if config.mac_address.is_empty()
        && let Some(asked) = definition.endpoints.get(sandbox::network_name(&definition.host.network_mode))
    {
        config.mac_address.clone_from(&asked.mac_address);
    }
    config
}

fn state(view: &View) -> State {
    let state = &view.state;
    let exit = state.last_exit();
    let run = state.run();
    let restarting = matches!(state.phase, Phase::Restarting(_));
    State {
        status: state.word().to_owned(),
        running: run.is_some() || restarting,
        paused: matches!(state.phase, Phase::Paused(_)),
        restarting,
        oom_killed: state.out_of_memory || exit.is_some_and(|e| e.oom_killed),
        dead: matches!(state.phase, Phase::Dead { .. }),
        pid: run.map_or(0, |r| i64::from(r.pid)),
        exit_code: i64::from(state.exit_code()),
        error: state.failure().map(|f| f.message.clone()).unwrap_or_default(),
        started_at: time::show(run.map(|r| r.started_at).or(exit.and_then(|e| e.started_at))),
        finished_at: time::show(exit.map(|e| e.finished_at).or(state.last_finished)),
        health: view.health.as_deref().map(health::shown),
    }
}
