//! What takes space, in `system df`.

use std::cmp::Reverse;

use gotmpl::Value;
use teu_api::container::Summary as Container;
use teu_api::disk_usage::{CacheRecord, DiskUsage, Usage};
use teu_api::image::Summary as Image;
use teu_api::volume::Volume;

use super::row::{Row, text};
use super::{time, units};

/// The columns of `system df`.
pub(crate) const TABLE: &str = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";
/// The columns of `system df -v`, for images.
pub(crate) const IMAGES: &str = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";
/// The columns of `system df -v`, for containers.
pub(crate) const CONTAINERS: &str =
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}";
/// The columns of `system df -v`, for volumes.
pub(crate) const VOLUMES: &str = "{{.Name}}\t{{.Links}}\t{{.Size}}";
/// The columns of `system df -v`, for the builder's cache.
pub(crate) const CACHE: &str =
    "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}";

/// The objects of one kind in sum.
pub(crate) struct Sum {
    kind: &'static str,
    count: usize,
    active: usize,
    size: i64,
    reclaimable: i64,
    /// Whether Docker says what part of all could be reclaimed.
    in_percent: bool,
}

impl Row for Sum {
    const GO_TYPE: &'static str = "*formatter.diskUsageImagesContext";
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("Active", "ACTIVE"),
        ("Reclaimable", "RECLAIMABLE"),
        ("Size", "SIZE"),
        ("TotalCount", "TOTAL"),
        ("Type", "TYPE"),
    ];

    fn field(&self, name: &str) -> Value {
        text(match name {
            "Active" => self.active.to_string(),
            "Reclaimable" => self.reclaimable(),
            "Size" => units::human_size_4(self.size),
            "TotalCount" => self.count.to_string(),
            "Type" => self.kind.to_owned(),
            _ => return Value::Nil,
        })
    }
}

impl Sum {
    fn reclaimable(&self) -> String {
        let bytes = units::human_size_4(self.reclaimable);
        if self.in_percent && self.size > 0 {
            let percent = i128::from(self.reclaimable) * 100 / i128::from(self.size);
            return format!("{bytes} ({percent}%)");
        }
        bytes
    }
}

/// What an engine told, whichever version it speaks.
pub(crate) struct Contents {
    pub(crate) images: Vec<Image>,
    pub(crate) containers: Vec<Container>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) cache: Vec<CacheRecord>,
    layers_size: i64,
    /// What pruning images would give back, from an engine that knows exactly.
    images_reclaimable: Option<i64>,
}

impl From<DiskUsage> for Contents {
    fn from(usage: DiskUsage) -> Self {
        let mut cache = items(usage.build_cache, usage.build_cache_usage);
        // In Docker's order: what was never used, then from the latest use to the first.
        cache.sort_by_cached_key(|record: &CacheRecord| {
            let used = record.last_used_at.as_deref().and_then(time::seconds);
            (used.is_some(), Reverse(used), record.id.clone())
        });
        let sums = usage.image_usage.as_ref().map(|images| (images.total_size, images.reclaimable));
        Self {
            layers_size: sums.map_or(usage.layers_size, |(total, _)| total),
            images_reclaimable: sums.map(|(_, reclaimable)| reclaimable),
            images: items(usage.images, usage.image_usage),
            containers: items(usage.containers, usage.container_usage),
            volumes: items(usage.volumes, usage.volume_usage),
            cache,
        }
    }
}

/// The list that an engine gave, in the form of its version.
fn items<T>(old: Option<Vec<T>>, new: Option<Usage<T>>) -> Vec<T> {
    old.or_else(|| new.and_then(|usage| usage.items)).unwrap_or_default()
}

impl Contents {
    /// The lines of `system df`.
    pub(crate) fn sums(&self) -> [Sum; 4] {
        [self.images(), self.containers(), self.volumes(), self.cache()]
    }

    fn images(&self) -> Sum {
        let used = |image: &&Image| image.containers != 0 && image.size >= 0 && image.shared_size >= 0;
        // What an image shares counts as reclaimable to Docker, although another one may be in use.
        let needed: i64 = self.images.iter().filter(used).map(|image| image.size - image.shared_size).sum();
        Sum {
            kind: "Images",
            count: self.images.len(),
            active: self.images.iter().filter(|image| image.containers > 0).count(),
            size: self.layers_size,
            reclaimable: self.images_reclaimable.unwrap_or(self.layers_size - needed),
            in_percent: true,
        }
    }

    fn containers(&self) -> Sum {
        let active = |c: &&Container| matches!(c.state.as_str(), "running" | "paused" | "restarting");
        let size = |c: &Container| c.size_rw.unwrap_or(0);
        Sum {
            kind: "Containers",
            count: self.containers.len(),
            active: self.containers.iter().filter(active).count(),
            size: self.containers.iter().map(size).sum(),
            reclaimable: self.containers.iter().filter(|c| !active(c)).map(size).sum(),
            in_percent: true,
        }
    }

    fn volumes(&self) -> Sum {
        let links = |volume: &Volume| volume.usage_data.as_ref().map_or(0, |data| data.ref_count);
        let size = |volume: &Volume| volume.usage_data.as_ref().map_or(0, |data| data.size.max(0));
        Sum {
            kind: "Local Volumes",
            count: self.volumes.len(),
            active: self.volumes.iter().filter(|volume| links(volume) > 0).count(),
            size: self.volumes.iter().map(size).sum(),
            reclaimable: self.volumes.iter().filter(|volume| links(volume) <= 0).map(size).sum(),
            in_percent: true,
        }
    }

    fn cache(&self) -> Sum {
        let own = |record: &&CacheRecord| !record.shared;
        let size = |record: &CacheRecord| record.size;
        Sum {
            kind: "Build Cache",
            count: self.cache.len(),
            active: self.cache.iter().filter(|record| record.in_use).count(),
            size: self.cache_size(),
            reclaimable: self.cache.iter().filter(own).filter(|record| !record.in_use).map(size).sum(),
            in_percent: false,
        }
    }

    /// Bytes of the builder's cache that nothing else has.
    pub(crate) fn cache_size(&self) -> i64 {
        self.cache.iter().filter(|record| !record.shared).map(|record| record.size).sum()
    }
}

/// An entry of the builder's cache in `system df -v`.
pub(crate) struct CacheRow {
    /// What the engine told.
    pub(crate) record: CacheRecord,
    /// Ids are shown short.
    pub(crate) truncate: bool,
    /// The present, in seconds since 1970.
    pub(crate) now: i64,
}

impl Row for CacheRow {
    const GO_TYPE: &'static str = "*formatter.buildCacheContext";
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("CacheType", "CACHE TYPE"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedSince", "CREATED"),
        ("Description", "DESCRIPTION"),
        ("ID", "CACHE ID"),
        ("InUse", "IN USE"),
        ("LastUsedAt", "LAST USED AT"),
        ("LastUsedSince", "LAST USED"),
        ("Parent", "PARENT"),
        ("Shared", "SHARED"),
        ("Size", "SIZE"),
        ("UsageCount", "USAGE"),
    ];

    fn field(&self, name: &str) -> Value {
        let record = &self.record;
        let used = record.last_used_at.as_deref().unwrap_or_default();
        text(match name {
            "CacheType" => record.kind.clone(),
            "CreatedAt" => time::go_utc(&record.created_at),
            "CreatedSince" => self.since(&record.created_at),
            "Description" => record.description.clone(),
            // An entry in use is marked.
            "ID" => {
                let id: String = record.id.chars().take(if self.truncate { 12 } else { usize::MAX }).collect();
                if record.in_use { id + "*" } else { id }
            }
            "InUse" => record.in_use.to_string(),
            "LastUsedAt" => time::go_utc(used),
            "LastUsedSince" => self.since(used),
            "Parent" => record.parents.iter().flatten().cloned().collect::<Vec<_>>().join(", "),
            "Shared" => record.shared.to_string(),
            "Size" => units::human_size_4(record.size),
            "UsageCount" => record.usage_count.to_string(),
            _ => return Value::Nil,
        })
    }
}

impl CacheRow {
    fn since(&self, at: &str) -> String {
        time::seconds(at).map_or_else(String::new, |then| units::ago(then, self.now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::row::Format;

    fn lines(usage: &str) -> Vec<String> {
        let usage: DiskUsage = serde_json::from_str(usage).unwrap();
        let format = Format::parse("{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}", "").unwrap();
        format.print(&Contents::from(usage).sums()).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn sums_as_docker_computes_them() {
        let old = lines(
            r#"{"LayersSize":1000,"Images":[{"Containers":1,"Size":700,"SharedSize":300},{"Containers":0,"Size":600,"SharedSize":300}],
            "Containers":[{"State":"running","SizeRw":5},{"State":"exited","SizeRw":15}],
            "Volumes":[{"UsageData":{"Size":30,"RefCount":0}},{"UsageData":{"Size":-1,"RefCount":2}}],
            "BuildCache":[{"Size":8,"InUse":true},{"Size":9,"Shared":true},{"Size":4}]}"#,
        );
        let want = [
            "Images 2 1 1kB 600B (60%)",
            "Containers 2 1 20B 15B (75%)",
            "Local Volumes 2 1 30B 30B (100%)",
            "Build Cache 3 1 12B 4B",
        ];
        assert_eq!(old, want);
        // An engine that knows exactly is believed.
        let new = lines(r#"{"ImageUsage":{"TotalSize":1000,"Reclaimable":300,"Items":[{"Containers":1}]}}"#);
        assert_eq!(new[0], "Images 1 1 1kB 300B (30%)");
        assert_eq!(lines("{}")[1], "Containers 0 0 0B 0B");
    }
}
