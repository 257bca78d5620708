//! What takes space: `GET /system/df`.

use crate::container;
use crate::image;
use crate::json::is_zero;
use crate::query::Query;
use crate::volume::Volume;
use serde::{Deserialize, Serialize};

/// Query of `GET /system/df`: what to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Containers.
    pub containers: bool,
    /// Images.
    pub images: bool,
    /// Volumes.
    pub volumes: bool,
    /// The builder's cache.
    pub build_cache: bool,
}

/// A `type` that is none.
#[derive(Debug, thiserror::Error)]
#[error("unknown object type: {0}")]
pub struct UnknownType(String);

impl Options {
    /// Everything.
    pub const ALL: Self = Self { containers: true, images: true, volumes: true, build_cache: true };

    /// Reads the query of a request: everything, unless types are given.
    ///
    /// # Errors
    /// A type is unknown.
    pub fn from_query(query: &Query) -> Result<Self, UnknownType> {
        let types = query.all("type");
        if types.is_empty() {
            return Ok(Self::ALL);
        }
        let mut options = Self { containers: false, images: false, volumes: false, build_cache: false };
        for name in types {
            match name.as_str() {
                "container" => options.containers = true,
                "image" => options.images = true,
                "volume" => options.volumes = true,
                "build-cache" => options.build_cache = true,
                _ => return Err(UnknownType(name)),
            }
        }
        Ok(options)
    }
}

/// The space that objects of one kind take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Usage<T> {
    /// How many are in use.
    pub active_count: i64,
    /// How many there are.
    pub total_count: i64,
    /// Bytes that those not in use take.
    pub reclaimable: i64,
    /// Bytes of all.
    pub total_size: i64,
    /// The objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<T>>,
}

impl<T> Default for Usage<T> {
    fn default() -> Self {
        Self { active_count: 0, total_count: 0, reclaimable: 0, total_size: 0, items: Some(Vec::new()) }
    }
}

/// Answer to `GET /system/df` from version 1.52 on; what was not asked for is left out. Without `verbose`, the lists of
/// older versions are in it, too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DiskUsage {
    /// Bytes of all layers.
    #[serde(skip_serializing_if = "is_zero")]
    pub layers_size: i64,
    /// Images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<image::Summary>>,
    /// Containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub containers: Option<Vec<container::Summary>>,
    /// Volumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volumes: Option<Vec<Volume>>,
    /// Entries of the builder's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_cache: Option<Vec<CacheRecord>>,
    /// Images in sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_usage: Option<Usage<image::Summary>>,
    /// Containers in sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_usage: Option<Usage<container::Summary>>,
    /// Volumes in sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_usage: Option<Usage<Volume>>,
    /// The builder's cache in sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_cache_usage: Option<Usage<CacheRecord>>,
}

impl DiskUsage {
    /// With the lists of older versions beside the sums.
    #[must_use]
    pub fn with_lists(mut self) -> Self {
        fn items<T: Clone>(usage: Option<&Usage<T>>) -> Option<Vec<T>> {
            usage.map(|usage| usage.items.clone().unwrap_or_default())
        }
        self.layers_size = self.image_usage.as_ref().map_or(0, |usage| usage.total_size);
        self.images = items(self.image_usage.as_ref());
        self.containers = items(self.container_usage.as_ref());
        self.volumes = items(self.volume_usage.as_ref());
        self.build_cache = items(self.build_cache_usage.as_ref());
        self
    }
}

/// Answer to `GET /system/df` before version 1.52: what was not asked for is `null`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Lists {
    /// Bytes of all layers.
    pub layers_size: i64,
    /// Images.
    pub images: Option<Vec<image::Summary>>,
    /// Containers.
    pub containers: Option<Vec<container::Summary>>,
    /// Volumes.
    pub volumes: Option<Vec<Volume>>,
    /// Entries of the builder's cache.
    pub build_cache: Option<Vec<CacheRecord>>,
}

impl From<DiskUsage> for Lists {
    fn from(usage: DiskUsage) -> Self {
        let DiskUsage { layers_size, images, containers, volumes, build_cache, .. } = usage.with_lists();
        Self { layers_size, images, containers, volumes, build_cache }
    }
}

/// An entry of the builder's cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CacheRecord {
    /// Id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Ids of the entries below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parents: Option<Vec<String>>,
    /// `regular`, `source.local`, …
    #[serde(rename = "Type")]
    pub kind: String,
    /// What it is.
    pub description: String,
    /// A build is using it.
    pub in_use: bool,
    /// Others use its content, too.
    pub shared: bool,
    /// Bytes.
    pub size: i64,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// When it was last used, RFC 3339.
    pub last_used_at: Option<String>,
    /// How often it was used.
    pub usage_count: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_chosen_by_name() {
        let read = |query| Options::from_query(&Query::parse(query)).map_err(|error| error.to_string());
        assert_eq!(read(""), Ok(Options::ALL));
        let some = read("type=image&type=build-cache").unwrap();
        assert!(some.images && some.build_cache && !some.containers && !some.volumes);
        assert_eq!(read("type=x").unwrap_err(), "unknown object type: x");
    }

    #[test]
    fn the_shapes_of_the_versions() {
        let usage = DiskUsage {
            image_usage: Some(Usage { total_size: 7, total_count: 1, ..Usage::default() }),
            ..DiskUsage::default()
        };
        let new = serde_json::to_value(&usage).unwrap();
        assert_eq!(new["ImageUsage"]["TotalSize"], 7);
        assert!(new.get("Images").is_none() && new.get("ContainerUsage").is_none(), "{new}");
        let both = serde_json::to_value(usage.clone().with_lists()).unwrap();
        assert_eq!((&both["LayersSize"], &both["Images"]), (&7.into(), &serde_json::json!([])));
        assert_eq!(
            serde_json::to_string(&Lists::from(usage)).unwrap(),
            r#"{"LayersSize":7,"Images":[],"Containers":null,"Volumes":null,"BuildCache":null}"#
        );
    }
}
