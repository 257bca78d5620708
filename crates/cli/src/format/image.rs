//! Images in `images`.

use gotmpl::Value;
use teu_api::image::Summary;

use super::row::{Row, text};
use super::{time, units};

/// The columns of `images`.
pub(crate) const TABLE: &str = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
/// The columns of `images --digests`.
pub(crate) const TABLE_DIGESTS: &str = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";

/// What stands for a name, tag or digest that an image does not have.
const NONE: &str = "<none>";

/// A name of an image in a list.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    id: String,
    repository: String,
    tag: String,
    digest: String,
    created: i64,
    size: i64,
    shared: i64,
    containers: i64,
    truncate: bool,
    now: i64,
}

impl Image {
    /// The row of an image where it has only one, by its first name.
    pub(crate) fn only(summary: &Summary, truncate: bool, now: i64) -> Option<Image> {
        let first = rows(summary, false, truncate, now).into_iter().next()?;
        Some(Image { digest: String::new(), ..first })
    }
}

/// Makes the rows of one image: one per tag, and where digests are asked for, one per tag and digest.
pub(crate) fn rows(summary: &Summary, digests: bool, truncate: bool, now: i64) -> Vec<Image> {
    let names = names(summary, digests);
    let row = |(repository, tag, digest)| Image {
        id: summary.id.clone(),
        repository,
        tag,
        digest,
        created: summary.created,
        size: summary.size,
        shared: summary.shared_size,
        containers: summary.containers,
        truncate,
        now,
    };
    names.into_iter().map(row).collect()
}

/// Repository, tag and digest of each row.
fn names(summary: &Summary, with_digests: bool) -> Vec<(String, String, String)> {
    let none = || NONE.to_owned();
    let tags: Vec<(&str, &str)> = summary.repo_tags.iter().filter_map(|name| name.rsplit_once(':')).collect();
    let digests: Vec<(&str, &str)> = summary.repo_digests.iter().filter_map(|name| name.split_once('@')).collect();
    let mut repositories: Vec<&str> = Vec::new();
    for (repository, _) in tags.iter().chain(&digests) {
        if *repository != NONE && !repositories.contains(repository) {
            repositories.push(repository);
        }
    }
    repositories.sort_unstable();
    let mut names = Vec::new();
    for repository in repositories {
        let of = |list: &[(&str, &str)]| -> Vec<String> {
            list.iter().filter(|(name, _)| *name == repository).map(|(_, value)| (*value).to_owned()).collect()
        };
        let (tags, digests) = (of(&tags), of(&digests));
        match (tags.is_empty(), digests.is_empty() || !with_digests) {
            (true, true) => names.push((repository.to_owned(), none(), digests.first().cloned().unwrap_or_else(none))),
            (true, false) => names.extend(digests.into_iter().map(|digest| (repository.to_owned(), none(), digest))),
            (false, true) => names.extend(
                tags.into_iter().map(|tag| (repository.to_owned(), tag, digests.first().cloned().unwrap_or_else(none))),
            ),
            (false, false) => names.extend(tags.iter().flat_map(|tag| {
                digests.iter().map(move |digest| (repository.to_owned(), tag.clone(), digest.clone()))
            })),
        }
    }
    if names.is_empty() { vec![(none(), none(), none())] } else { names }
}

impl Row for Image {
    const GO_TYPE: &'static str = "*formatter.imageContext";
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("Containers", "CONTAINERS"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedSince", "CREATED"),
        ("Digest", "DIGEST"),
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("SharedSize", "SHARED SIZE"),
        ("Size", "SIZE"),
        ("Tag", "TAG"),
        ("UniqueSize", "UNIQUE SIZE"),
        ("VirtualSize", "SIZE"),
    ];

    fn field(&self, name: &str) -> Value {
        let unknown = || "N/A".to_owned();
        text(match name {
            "Containers" if self.containers < 0 => unknown(),
            "Containers" => self.containers.to_string(),
            "CreatedAt" => time::created_at(self.created),
            "CreatedSince" if self.created <= 0 => unknown(),
            "CreatedSince" => units::ago(self.created, self.now),
            "Digest" => self.digest.clone(),
            "ID" if self.truncate => short_id(&self.id),
            "ID" => self.id.clone(),
            "Repository" => self.repository.clone(),
            "SharedSize" if self.shared < 0 => unknown(),
            "SharedSize" => units::human_size(self.shared),
            "Size" => units::human_size(self.size),
            "Tag" => self.tag.clone(),
            "UniqueSize" if self.shared < 0 => unknown(),
            "UniqueSize" => units::human_size_4(self.size - self.shared),
            "VirtualSize" => units::human_size_4(self.size),
            _ => return Value::Nil,
        })
    }
}

/// The first twelve digits of an id, without its algorithm.
pub(crate) fn short_id(id: &str) -> String {
    id.split_once(':').map_or(id, |(_, digits)| digits).chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(tags: &[&str], digests: &[&str], with_digests: bool) -> Vec<String> {
        let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        let summary = Summary { repo_tags: owned(tags), repo_digests: owned(digests), ..Summary::default() };
        names(&summary, with_digests).into_iter().map(|(a, b, c)| format!("{a} {b} {c}")).collect()
    }

    #[test]
    fn one_row_per_name() {
        assert_eq!(list(&[], &[], false), ["<none> <none> <none>"]);
        assert_eq!(list(&["a:1", "a:2", "r:5000/b:x"], &[], false), ["a 1 <none>", "a 2 <none>", "r:5000/b x <none>"]);
        assert_eq!(list(&["a:1"], &["a@sha256:x"], true), ["a 1 sha256:x"]);
        assert_eq!(list(&[], &["a@sha256:x"], false), ["a <none> sha256:x"]);
        assert_eq!(list(&["a:1"], &["b@sha256:x"], true), ["a 1 <none>", "b <none> sha256:x"]);
    }
}
