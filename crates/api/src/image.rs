//! Images, as listed, inspected and removed.

use crate::container::{Config, DriverData};
use crate::filters::Filters;
use crate::json::is_zero;
use crate::query::Query;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Query of `GET /images/json`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListOptions {
    /// Intermediate images too.
    pub all: bool,
    /// With the size shared with other images.
    pub shared_size: bool,
    /// What to list.
    pub filters: Filters,
}

impl ListOptions {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// The filters are malformed.
    pub fn from_query(query: &Query) -> Result<Self, crate::query::Error> {
        Ok(Self { all: query.flag("all"), shared_size: query.flag("shared-size"), filters: query.filters()? })
    }
    /// Writes the query of a request.
    pub fn to_query(&self) -> Query {
        Query::new().switch("all", self.all).switch("shared-size", self.shared_size).filter(&self.filters)
    }
}

/// An image in a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Summary {
    /// Containers that use it; -1 when not counted.
    pub containers: i64,
    /// Time of creation in seconds since 1970.
    pub created: i64,
    /// Id, with `sha256:`.
    pub id: String,
    /// User-defined labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// Id of the image it was built on; empty when not built here.
    pub parent_id: String,
    /// `name@digest` references.
    pub repo_digests: Vec<String>,
    /// `name:tag` references.
    pub repo_tags: Vec<String>,
    /// Bytes shared with other images; -1 when not computed.
    pub shared_size: i64,
    /// Bytes on disk.
    pub size: i64,
    /// Same as `size`; told before version 1.44 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_size: Option<i64>,
}

impl Summary {
    /// As clients before version 1.44 are told.
    #[must_use]
    pub fn with_virtual_size(self) -> Self {
        Self { virtual_size: Some(self.size), ..self }
    }
}

/// Answer to `GET /images/{name}/json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Inspect {
    /// Id, with `sha256:`.
    pub id: String,
    /// `name:tag` references.
    pub repo_tags: Vec<String>,
    /// `name@digest` references.
    pub repo_digests: Vec<String>,
    /// Id of the image it was built on.
    pub parent: String,
    /// Comment of the last history entry.
    pub comment: String,
    /// Time of creation, RFC 3339.
    #[serde(skip_serializing_if = "is_zero")]
    pub created: String,
    /// Version of the engine that made it.
    pub docker_version: String,
    /// Author.
    pub author: String,
    /// What a container of it runs.
    pub config: Option<Config>,
    /// Processor architecture.
    pub architecture: String,
    /// Variant of the architecture.
    #[serde(skip_serializing_if = "is_zero")]
    pub variant: String,
    /// Operating system.
    pub os: String,
    /// Version of the operating system (Windows).
    #[serde(skip_serializing_if = "is_zero")]
    pub os_version: String,
    /// Bytes on disk.
    pub size: i64,
    /// What the storage driver tells about it.
    pub graph_driver: DriverData,
    /// Its layers.
    #[serde(rename = "RootFS")]
    pub root_fs: RootFs,
    /// What this engine knows about it.
    pub metadata: Metadata,
}

/// Layers of an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "Type", skip_serializing_if = "is_zero")]
    pub kind: String,
    /// Diff ids from the lowest layer up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
}

/// What the engine knows about an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Metadata {
    /// When it was last tagged, RFC 3339.
    pub last_tag_time: String,
}

/// An entry of `GET /images/{name}/history`, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct History {
    /// Comment.
    pub comment: String,
    /// Time in seconds since 1970.
    pub created: i64,
    /// Instruction that made the layer.
    pub created_by: String,
    /// Id of the image, or `<missing>`.
    pub id: String,
    /// Bytes of the layer.
    pub size: i64,
    /// `name:tag` references.
    pub tags: Option<Vec<String>>,
}

/// An entry of the answer to `DELETE /images/{name}`: one of the two is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Removed {
    /// Id of what was deleted.
    #[serde(skip_serializing_if = "is_zero")]
    pub deleted: String,
    /// Reference that was removed.
    #[serde(skip_serializing_if = "is_zero")]
    pub untagged: String,
}

/// Query of `POST /images/create`: a pull when `from_image` is set, else an import.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CreateOptions {
    /// Image to pull, with or without tag or digest.
    pub from_image: String,
    /// Where to import from: `-` for the request's body, or a URL.
    pub from_src: String,
    /// Name of the imported image.
    pub repo: String,
    /// Tag or digest; empty with `from_image` means all tags.
    pub tag: String,
    /// Commit message of the imported image.
    pub message: String,
    /// Dockerfile instructions applied to the imported image.
    pub changes: Vec<String>,
    /// Platform, `os[/arch[/variant]]`.
    pub platform: String,
}

impl CreateOptions {
    /// Reads the query of a request.
    pub fn from_query(query: &Query) -> Self {
        Self {
            from_image: query.string("fromImage"),
            from_src: query.string("fromSrc"),
            repo: query.string("repo"),
            tag: query.string("tag"),
            message: query.string("message"),
            changes: query.all("changes"),
            platform: query.string("platform"),
        }
    }
    /// Writes the query of a request.
    pub fn to_query(&self) -> Query {
        let query = Query::new()
            .text("fromImage", &self.from_image)
            .text("fromSrc", &self.from_src)
            .text("repo", &self.repo)
            .text("tag", &self.tag)
            .text("message", &self.message)
            .text("platform", &self.platform);
        self.changes.iter().fold(query, |query, change| query.set("changes", change))
    }
}

/// Query of `DELETE /images/{name}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Even if it has other names or stopped containers use it.
    pub force: bool,
    /// Keep untagged parents.
    pub no_prune: bool,
}

impl RemoveOptions {
    /// Reads the query of a request.
    pub fn from_query(query: &Query) -> Self {
        Self { force: query.flag("force"), no_prune: query.flag("noprune") }
    }
    /// Writes the query of a request.
    pub fn to_query(self) -> Query {
        Query::new().switch("force", self.force).switch("noprune", self.no_prune)
    }
}
