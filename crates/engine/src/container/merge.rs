//! What a request leaves open is taken from the image.

use std::collections::HashSet;

use teu_api::container::{Config, Healthcheck};
use teu_oci::image::{self, ImageConfig};

use crate::Error;

/// Completes `config` from the image's configuration, by Docker's rules.
pub(super) fn with_image(config: &mut Config, image: &ImageConfig) -> Result<(), Error> {
    let defaults = image.config.clone().unwrap_or_default();
    if config.user.is_empty() {
        config.user = defaults.user;
    }
    if config.working_dir.is_empty() {
        config.working_dir = defaults.working_dir;
    }
    if config.stop_signal.is_empty() {
        config.stop_signal = defaults.stop_signal.unwrap_or_default();
    }
    config.stop_timeout = config.stop_timeout.or(defaults.stop_timeout);
    config.shell = config.shell.take().or(defaults.shell);
    merge_command(config, defaults.entrypoint, defaults.cmd);
    merge_env(config, defaults.env);
    if !defaults.exposed_ports.is_empty() {
        let ports = config.exposed_ports.get_or_insert_default();
        ports.extend(defaults.exposed_ports.into_keys().map(|port| (port, teu_api::json::Empty {})));
    }
    config.volumes = config.volumes.take().filter(|volumes| !volumes.is_empty());
    if !defaults.volumes.is_empty() {
        let volumes = config.volumes.get_or_insert_default();
        volumes.extend(defaults.volumes.into_keys().map(|path| (path, teu_api::json::Empty {})));
    }
    let labels = config.labels.get_or_insert_default();
    for (key, value) in defaults.labels {
        labels.entry(key).or_insert(value);
    }
    if let Some(image) = defaults.healthcheck {
        merge_health(config.healthcheck.get_or_insert_default(), image);
    }
    if config.entrypoint.iter().flatten().chain(config.cmd.iter().flatten()).next().is_none() {
        return Err(Error::Invalid("no command specified".to_owned()));
    }
    Ok(())
}

/// A command of the request replaces the image's; an entry point of the request replaces both.
fn merge_command(config: &mut Config, entrypoint: Option<Vec<String>>, cmd: Option<Vec<String>>) {
    let none = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
    if none(&config.entrypoint) {
        if none(&config.cmd) {
            config.cmd = cmd;
        }
        // An empty list resets the image's entry point; a missing one does not.
        if config.entrypoint.is_none() {
            config.entrypoint = entrypoint;
        }
    }
    if config.entrypoint.as_deref().is_some_and(|e| e.len() == 1 && e[0].is_empty()) {
        config.entrypoint = None;
    }
}

/// Of a health check, each field that the request leaves open is the image's.
fn merge_health(config: &mut Healthcheck, image: image::Healthcheck) {
    if config.test.as_ref().is_none_or(Vec::is_empty) {
        config.test = Some(image.test);
    }
    for (own, image) in [
        (&mut config.interval, image.interval),
        (&mut config.timeout, image.timeout),
        (&mut config.start_period, image.start_period),
        (&mut config.start_interval, image.start_interval),
        (&mut config.retries, image.retries),
    ] {
        if *own == 0 {
            *own = image;
        }
    }
}

/// Variables of the request come first; the image's follow unless the request sets them.
fn merge_env(config: &mut Config, image: Vec<String>) {
    let env = config.env.get_or_insert_default();
    let name = |variable: &str| variable.split('=').next().unwrap_or("").to_owned();
    let set: HashSet<String> = env.iter().map(|v| name(v)).collect();
    env.extend(image.into_iter().filter(|v| !set.contains(&name(v))));
    if env.is_empty() {
        config.env = None;
    }
}

#[cfg(test)]
mod tests {
    use teu_api::container::{Config, Healthcheck};
    use teu_oci::image::{ContainerConfig, ImageConfig};

    use super::with_image;

    fn list(items: &[&str]) -> Vec<String> {
        items.iter().map(|s| (*s).to_owned()).collect()
    }

    fn merged(entrypoint: Option<&[&str]>, cmd: Option<&[&str]>) -> (Option<Vec<String>>, Option<Vec<String>>) {
        let image = ContainerConfig {
            entrypoint: Some(list(&["/entry"])),
            cmd: Some(list(&["image"])),
            ..ContainerConfig::default()
        };
        let image = ImageConfig { config: Some(image), ..ImageConfig::default() };
        let mut config = Config { entrypoint: entrypoint.map(list), cmd: cmd.map(list), ..Config::default() };
        // An empty command is an error of its own; the merge is what is looked at here.
        drop(with_image(&mut config, &image));
        (config.entrypoint, config.cmd)
    }

    #[test]
    fn commands() {
        let entry = Some(list(&["/entry"]));
        assert_eq!(merged(None, None), (entry.clone(), Some(list(&["image"]))));
        assert_eq!(merged(None, Some(&["mine"])), (entry, Some(list(&["mine"]))));
        assert_eq!(merged(Some(&["/mine"]), None), (Some(list(&["/mine"])), None));
        assert_eq!(merged(Some(&[""]), Some(&["mine"])), (None, Some(list(&["mine"]))));
        assert_eq!(merged(Some(&[]), None), (Some(Vec::new()), Some(list(&["image"]))));
    }

    #[test]
    fn environment() {
        let image = ContainerConfig { env: list(&["PATH=/image", "A=1"]), ..ContainerConfig::default() };
        let image = ImageConfig { config: Some(image), ..ImageConfig::default() };
        let mut config = Config { env: Some(list(&["A=2", "B"])), cmd: Some(list(&["x"])), ..Config::default() };
        with_image(&mut config, &image).expect("a command");
        assert_eq!(config.env, Some(list(&["A=2", "B", "PATH=/image"])));
    }

    #[test]
    fn health_checks_are_completed_field_by_field() {
        let of_image = teu_oci::image::Healthcheck {
            test: list(&["CMD", "image"]),
            interval: 5_000_000,
            retries: 7,
            ..Default::default()
        };
        let image = ContainerConfig { healthcheck: Some(of_image.clone()), ..ContainerConfig::default() };
        let image = ImageConfig { config: Some(image), ..ImageConfig::default() };
        let merged = |own: Option<Healthcheck>| {
            let mut config = Config { healthcheck: own, cmd: Some(list(&["x"])), ..Config::default() };
            with_image(&mut config, &image).expect("a command");
            config.healthcheck.expect("a check")
        };
        let whole = merged(None);
        assert_eq!((whole.test, whole.interval, whole.retries), (Some(of_image.test.clone()), 5_000_000, 7));
        let part = merged(Some(Healthcheck { interval: 9_000_000, ..Healthcheck::default() }));
        assert_eq!((part.test, part.interval, part.retries), (Some(of_image.test.clone()), 9_000_000, 7));
        let none = merged(Some(Healthcheck { test: Some(list(&["NONE"])), ..Healthcheck::default() }));
        assert_eq!(none.test, Some(list(&["NONE"])));
    }

    #[test]
    fn nothing_to_run() {
        let mut config = Config::default();
        let error = with_image(&mut config, &ImageConfig::default()).expect_err("no command");
        assert_eq!(error.to_string(), "no command specified");
    }
}
