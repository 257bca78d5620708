//! `commit`: an image of a container's files.

use std::sync::Arc;

use teu_api::container::{CommitOptions, Config};
use teu_oci::image::{ContainerConfig, Empty, Healthcheck};

use super::actor::Command;
use super::archive::blocking;
use super::definition::Definition;
use super::handle::Handle;
use super::state::Phase;
use crate::{Engine, Error};

impl Engine {
    /// Makes an image of what a container changed, over the image it was made from. `config` takes the place of the
    /// container's own. Answers the image's id.
    ///
    /// # Errors
    /// No such container; the name or an instruction is malformed; files cannot be read.
    pub async fn container_commit(&self, options: CommitOptions, config: Option<Config>) -> Result<String, Error> {
        let reference = crate::image::reference(&options.repo, &options.tag)?;
        let handle = self.containers().find(&options.container)?;
        let view = handle.view();
        if matches!(view.state.phase, Phase::Removing { .. } | Phase::Dead { .. }) {
            let text = format!("You cannot commit container {} which is {}", handle.id, view.state.word());
            return Err(Error::Conflict(text));
        }
        let own = &view.definition.config;
        let mut changed = image_config(merged(config, own));
        teu_image::apply_changes(&mut changed, &options.changes)?;
        let commit = teu_image::CommitOptions {
            config: changed,
            author: options.author.clone(),
            message: options.comment.clone(),
            created_by: own.cmd.clone().unwrap_or_default().join(" "),
            reference: reference.clone(),
        };
        // Only a container that runs changes its files meanwhile; one that was frozen already stays so.
        let freeze = options.pause && matches!(view.state.phase, Phase::Running(_));
        let frozen = if freeze { self.freeze_for_commit(&handle).await? } else { false };
        let made = self.commit_files(&handle, Arc::clone(&view.definition), commit).await;
        if frozen {
            self.thaw_after_commit(&handle).await;
        }
        let id = made?;
        let name = reference.map(|name| name.with_default_tag().familiar()).unwrap_or_default();
        if !name.is_empty() {
            crate::image::image_event(self, "tag", &id, &name);
        }
        let attributes = [("comment", options.comment), ("imageID", id.clone()), ("imageRef", name)];
        self.container_event(&view.definition, "commit", &attributes);
        Ok(id)
    }

    /// Freezes a container. Whether there was anything to freeze.
    async fn freeze_for_commit(&self, handle: &Handle) -> Result<bool, Error> {
        match handle.ask(|reply| Command::Pause { briefly: true, reply }).await {
            Ok(()) => Ok(true),
            // It has ended, or somebody else has frozen it: it does not write any more.
            Err(Error::NotRunning(_) | Error::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn thaw_after_commit(&self, handle: &Handle) {
        match handle.ask(Command::Unpause).await {
            // It was killed, or somebody else has thawed it.
            Ok(()) | Err(Error::NotRunning(_) | Error::NoSuchContainer(_) | Error::Conflict(_)) => {}
            Err(error) => tracing::warn!(container = handle.id, %error, "not thawed after a commit"),
        }
    }

    async fn commit_files(
        &self,
        handle: &Handle,
        definition: Arc<Definition>,
        commit: teu_image::CommitOptions,
    ) -> Result<String, Error> {
        let (library, key) = (self.library()?, handle.id.clone());
        blocking(move || {
            let base = library.resolve(&definition.image)?.id;
            Ok(library.snapshot_commit(&key, &base, commit)?.to_string())
        })
        .await
    }
}

/// The configuration of the request, completed from the container's.
fn merged(config: Option<Config>, own: &Config) -> Config {
    let Some(mut config) = config.filter(|config| *config != Config::default()) else { return own.clone() };
    if config.user.is_empty() {
        config.user.clone_from(&own.user);
    }
    if config.working_dir.is_empty() {
        config.working_dir.clone_from(&own.working_dir);
    }
    if config.entrypoint.is_none() {
        if config.cmd.is_none() {
            config.cmd.clone_from(&own.cmd);
        }
        config.entrypoint.clone_from(&own.entrypoint);
    }
    let env = config.env.get_or_insert_default();
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    let set: Vec<String> = env.iter().map(|variable| name(variable)).collect();
    env.extend(own.env.iter().flatten().filter(|variable| !set.contains(&name(variable))).cloned());
    for (key, value) in own.labels.iter().flatten() {
        config.labels.get_or_insert_default().entry(key.clone()).or_insert_with(|| value.clone());
    }
    let more = |to: &mut Option<teu_api::json::Set>, from: &Option<teu_api::json::Set>| {
        if let Some(from) = from {
            to.get_or_insert_default().extend(from.clone());
        }
    };
    more(&mut config.exposed_ports, &own.exposed_ports);
    more(&mut config.volumes, &own.volumes);
    config.healthcheck = config.healthcheck.or_else(|| own.healthcheck.clone());
    config
}

/// What of a container's configuration an image has.
fn image_config(config: Config) -> ContainerConfig {
    let keys = |set: Option<teu_api::json::Set>| set.into_iter().flatten().map(|(key, _)| (key, Empty {})).collect();
    ContainerConfig {
        user: config.user,
        exposed_ports: keys(config.exposed_ports),
        env: config.env.unwrap_or_default(),
        entrypoint: config.entrypoint,
        cmd: config.cmd,
        volumes: keys(config.volumes),
        working_dir: config.working_dir,
        labels: config.labels.unwrap_or_default(),
        stop_signal: Some(config.stop_signal).filter(|signal| !signal.is_empty()),
        stop_timeout: config.stop_timeout,
        shell: config.shell,
        on_build: config.on_build.unwrap_or_default(),
        healthcheck: config.healthcheck.map(|check| Healthcheck {
            test: check.test.unwrap_or_default(),
            interval: check.interval,
            timeout: check.timeout,
            start_period: check.start_period,
            start_interval: check.start_interval,
            retries: check.retries,
        }),
        ..ContainerConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use teu_api::container::Config;

    use super::{image_config, merged};

    #[test]
    fn the_containers_configuration_unless_another_is_given() {
        let own = Config {
            cmd: Some(vec!["sh".to_owned()]),
            env: Some(vec!["A=1".to_owned(), "B=2".to_owned()]),
            user: "7".to_owned(),
            ..Config::default()
        };
        assert_eq!(merged(None, &own), own);
        assert_eq!(merged(Some(Config::default()), &own), own);
        let other = Config { env: Some(vec!["A=3".to_owned()]), ..Config::default() };
        let image = image_config(merged(Some(other), &own));
        assert_eq!(image.env, ["A=3", "B=2"]);
        assert_eq!((image.user.as_str(), image.cmd), ("7", own.cmd));
    }
}
