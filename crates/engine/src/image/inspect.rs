//! `image inspect`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use teu_api::container::{Config, DriverData, Healthcheck};
use teu_api::image::{Inspect, Metadata, RootFs};
use teu_api::json::{Empty, Set};
use teu_image::Image;
use teu_oci::image::ContainerConfig;
use teu_oci::reference::Reference;

use super::blocking;
use crate::{Engine, Error, time};

impl Engine {
    /// Everything about an image.
    ///
    /// # Errors
    /// No such image.
    pub async fn image_inspect(&self, image: &str) -> Result<Inspect, Error> {
        let (library, name) = (self.library()?, image.to_owned());
        let driver = library.driver().name().to_owned();
        let image = blocking(move || Ok(library.resolve(&name)?)).await?;
        Ok(inspected(&image, driver))
    }
}

fn inspected(image: &Image, driver: String) -> Inspect {
    let config = &image.config;
    let tagged = image.last_tagged.and_then(|seconds| Timestamp::from_second(seconds).ok());
    Inspect {
        id: image.id.to_string(),
        repo_tags: image.tags.iter().map(Reference::familiar).collect(),
        repo_digests: image.digests.iter().map(Reference::familiar).collect(),
        parent: image.parent.map(|p| p.to_string()).unwrap_or_default(),
        comment: config.comment.clone().or(config.history.last().and_then(|h| h.comment.clone())).unwrap_or_default(),
        created: config.created.clone().unwrap_or_default(),
        docker_version: config.docker_version.clone().unwrap_or_default(),
        author: config.author.clone().unwrap_or_default(),
        config: Some(self::config(config.config.clone().unwrap_or_default())),
        architecture: config.architecture.clone(),
        variant: config.variant.clone().unwrap_or_default(),
        os: config.os.clone(),
        os_version: config.os_version.clone().unwrap_or_default(),
        size: i64::try_from(image.size).unwrap_or(i64::MAX),
        graph_driver: DriverData { data: Some(BTreeMap::new()), name: driver },
        root_fs: RootFs {
            kind: "layers".to_owned(),
            layers: config.rootfs.diff_ids.iter().map(ToString::to_string).collect(),
        },
        metadata: Metadata { last_tag_time: time::show(tagged) },
    }
}

/// An image's configuration in the API's form.
fn config(image: ContainerConfig) -> Config {
    let set = |map: BTreeMap<String, teu_oci::image::Empty>| -> Option<Set> {
        (!map.is_empty()).then(|| map.into_keys().map(|key| (key, Empty {})).collect())
    };
    Config {
        user: image.user,
        exposed_ports: set(image.exposed_ports),
        env: (!image.env.is_empty()).then_some(image.env),
        cmd: image.cmd,
        healthcheck: image.healthcheck.map(|h| Healthcheck {
            test: Some(h.test),
            interval: h.interval,
            timeout: h.timeout,
            start_period: h.start_period,
            start_interval: h.start_interval,
            retries: h.retries,
            on_failure: String::new(),
        }),
        args_escaped: image.args_escaped,
        volumes: set(image.volumes),
        working_dir: image.working_dir,
        entrypoint: image.entrypoint,
        on_build: (!image.on_build.is_empty()).then_some(image.on_build),
        labels: (!image.labels.is_empty()).then_some(image.labels),
        stop_signal: image.stop_signal.unwrap_or_default(),
        stop_timeout: image.stop_timeout,
        shell: image.shell,
        ..Config::default()
    }
}
