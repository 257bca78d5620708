//! `system df`: what takes space, and how much of it nothing uses.
//!
//! Layers were measured when they were stored. What containers and volumes hold has to be walked: by a few threads at
//! most, however many clients ask.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use teu_api::container::{ListOptions, Summary};
use teu_api::disk_usage::{DiskUsage, Options, Usage};
use teu_api::volume::{UsageData, Volume};
use teu_api::{filters::Filters, image};

use crate::{Engine, Error};

/// How many folders are walked at once.
pub(crate) const WALKS: usize = 4;

impl Engine {
    /// What takes space.
    ///
    /// # Errors
    /// Something could not be measured.
    pub async fn system_disk_usage(&self, options: Options) -> Result<DiskUsage, Error> {
        let (images, containers, volumes) = tokio::try_join!(
            optional(options.images, self.images_usage()),
            optional(options.containers, self.containers_usage()),
            optional(options.volumes, self.volumes_usage()),
        )?;
        Ok(DiskUsage {
            image_usage: images,
            container_usage: containers,
            volume_usage: volumes,
            // There is no builder, hence no cache.
            build_cache_usage: options.build_cache.then(Usage::default),
            ..DiskUsage::default()
        })
    }

    /// Sizes are those on disk, unlike in `images`.
    async fn images_usage(&self) -> Result<Usage<image::Summary>, Error> {
        let mut users: HashMap<String, i64> = HashMap::new();
        for handle in self.containers().all() {
            *users.entry(handle.view().definition.image.clone()).or_default() += 1;
        }
        let mut usage = self.image_usage().await?;
        for image in usage.items.iter_mut().flatten() {
            image.containers = users.get(&image.id).copied().unwrap_or(0);
            usage.active_count += i64::from(image.containers > 0);
        }
        Ok(usage)
    }

    async fn containers_usage(&self) -> Result<Usage<Summary>, Error> {
        let options = ListOptions { all: true, ..ListOptions::default() };
        let measured = stream::iter(self.container_list(&options).await?).map(|container| self.measured(container));
        let mut items: Vec<Summary> = Vec::new();
        let mut usage = Usage::default();
        let mut measured = measured.buffered(WALKS);
        while let Some(container) = measured.next().await {
            let size = container.size_rw.unwrap_or(0);
            let active = matches!(container.state.as_str(), "running" | "paused" | "restarting");
            usage.active_count += i64::from(active);
            usage.reclaimable += if active { 0 } else { size };
            usage.total_size += size;
            items.push(container);
        }
        usage.total_count = count(&items);
        usage.items = Some(items);
        Ok(usage)
    }

    /// A container with its sizes; without, when it is gone meanwhile.
    async fn measured(&self, mut container: Summary) -> Summary {
        let _walk = self.walks().acquire().await;
        if let Ok(handle) = self.containers().find(&container.id)
            && let Ok((written, whole)) = self.container_size(&handle).await
        {
            container.size_rw = Some(written);
            container.size_root_fs = Some(whole);
        }
        container
    }

    async fn volumes_usage(&self) -> Result<Usage<Volume>, Error> {
        let volumes = self.volume_list(&Filters::new()).await?.volumes;
        let items: Vec<Volume> =
            stream::iter(volumes).map(|volume| self.measured_volume(volume)).buffered(WALKS).try_collect().await?;
        let mut usage = Usage { total_count: count(&items), ..Usage::default() };
        for data in items.iter().filter_map(|volume| volume.usage_data.as_ref()) {
            let active = data.ref_count > 0;
            usage.active_count += i64::from(active);
            usage.total_size += data.size.max(0);
            usage.reclaimable += if active { 0 } else { data.size.max(0) };
        }
        usage.items = Some(items);
        Ok(usage)
    }

    /// A volume with its size; -1 when that cannot be found out.
    async fn measured_volume(&self, mut volume: Volume) -> Result<Volume, Error> {
        let _walk = self.walks().acquire().await;
        let (volumes, name) = (self.volumes().clone(), volume.name.clone());
        let size = tokio::task::spawn_blocking(move || volumes.size(&name))
            .await
            .map_err(|e| Error::Part { part: "volume", message: e.to_string() })?;
        let size = size.map_or(-1, |size| i64::try_from(size).unwrap_or(i64::MAX));
        let users = self.volume_users(&volume.name).len();
        volume.usage_data = Some(UsageData { size, ref_count: i64::try_from(users).unwrap_or(i64::MAX) });
        Ok(volume)
    }
}

async fn optional<T>(wanted: bool, work: impl Future<Output = Result<T, Error>>) -> Result<Option<T>, Error> {
    if wanted { work.await.map(Some) } else { Ok(None) }
}

fn count<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).unwrap_or(i64::MAX)
}
