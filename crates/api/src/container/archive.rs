//! Files of a container: changes, archives, commit.

use crate::query::{Query, encode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The header of archives that tells what was packed: base64 of a [`PathStat`] in JSON.
pub const PATH_STAT: &str = "x-docker-container-path-stat";

/// Bit of [`PathStat::mode`]: a folder.
const DIRECTORY: u32 = 1 << 31;
/// Bit of [`PathStat::mode`]: a symbolic link.
const SYMLINK: u32 = 1 << 27;
/// Bits of [`PathStat::mode`]: anything but a regular file.
const KIND: u32 = DIRECTORY | SYMLINK | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;

/// How a path was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum ChangeKind {
    /// It is not what it was.
    Modified,
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
}

impl From<ChangeKind> for u8 {
    fn from(kind: ChangeKind) -> u8 {
        match kind {
            ChangeKind::Modified => 0,
            ChangeKind::Added => 1,
            ChangeKind::Deleted => 2,
        }
    }
}

impl TryFrom<u8> for ChangeKind {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            0 => Ok(Self::Modified),
            1 => Ok(Self::Added),
            2 => Ok(Self::Deleted),
            other => Err(format!("unknown kind of change {other}")),
        }
    }
}

/// An entry of `GET /containers/{id}/changes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Change {
    /// Absolute path in the container.
    pub path: String,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What is at a path in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PathStat {
    /// The path's last name.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// Permissions and kind, as Go's `io/fs.FileMode` numbers them.
    pub mode: u32,
    /// Time of the last change of content, RFC 3339.
    pub mtime: String,
    /// Where a link leads, all links followed.
    #[serde(rename = "linkTarget")]
    pub link_target: String,
}

impl PathStat {
    /// Reads the value of the [`PATH_STAT`] header.
    ///
    /// # Errors
    /// It is not JSON in base64.
    pub fn from_header(value: &[u8]) -> serde_json::Result<Self> {
        // What is not base64 is not JSON either: one error will do.
        crate::json::from_slice(&STANDARD.decode(value).unwrap_or_default())
    }

    /// Writes the value of the [`PATH_STAT`] header.
    pub fn to_header(&self) -> String {
        STANDARD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Whether it is a folder.
    pub fn is_directory(&self) -> bool {
        self.mode & DIRECTORY != 0
    }

    /// Whether it is a symbolic link.
    pub fn is_link(&self) -> bool {
        self.mode & SYMLINK != 0
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.mode & KIND == 0
    }
}

/// Query of `PUT /containers/{id}/archive`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArchiveOptions {
    /// A folder is not replaced by what is none, nor the other way round.
    pub no_overwrite_dir_non_dir: bool,
    /// Files become those of the container's user.
    pub copy_uid_gid: bool,
}

impl ArchiveOptions {
    /// Reads the query of a request.
    pub fn from_query(query: &Query) -> Self {
        Self { no_overwrite_dir_non_dir: query.flag("noOverwriteDirNonDir"), copy_uid_gid: query.flag("copyUIDGID") }
    }

    /// Writes the query of a request about `path`.
    pub fn to_query(&self, path: &str) -> Query {
        let flag = |on| if on { "true" } else { "" };
        Query::new()
            .set("path", path)
            .text("noOverwriteDirNonDir", flag(self.no_overwrite_dir_non_dir))
            .text("copyUIDGID", flag(self.copy_uid_gid))
    }
}

/// Query of `POST /commit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOptions {
    /// The container.
    pub container: String,
    /// Repository of the name that the image gets; empty for none.
    pub repo: String,
    /// Tag of that name.
    pub tag: String,
    /// Text of the history entry.
    pub comment: String,
    /// Who made it.
    pub author: String,
    /// The container is frozen meanwhile.
    pub pause: bool,
    /// Dockerfile instructions.
    pub changes: Vec<String>,
}

impl CommitOptions {
    /// Reads the query of a request.
    pub fn from_query(query: &Query) -> Self {
        let changes = query.all("changes");
        Self {
            container: query.string("container"),
            repo: query.string("repo"),
            tag: query.string("tag"),
            comment: query.string("comment"),
            author: query.string("author"),
            pause: query.flag_or("pause", true),
            changes: changes.iter().flat_map(|text| text.split('\n')).map(str::to_owned).collect(),
        }
    }

    /// Writes the query of a request.
    pub fn to_query(&self) -> Query {
        let query = Query::new()
            .set("container", &self.container)
            .text("repo", &self.repo)
            .text("tag", &self.tag)
            .text("comment", &self.comment)
            .text("author", &self.author);
        let query = if self.pause { query } else { query.set("pause", 0) };
        self.changes.iter().fold(query, |query, change| query.set("changes", change))
    }
}

/// Answer to `POST /commit`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CommitResponse {
    /// Id of the image.
    pub id: String,
}

/// The route of a container's archives.
pub(crate) fn archive_path(container: &str) -> String {
    format!("/containers/{}/archive", encode(container))
}

#[cfg(test)]
mod tests {
    use super::{Change, ChangeKind, CommitOptions, PathStat};
    use crate::query::Query;

    #[test]
    fn changes_are_numbers() {
        let change = Change { path: "/x".to_owned(), kind: ChangeKind::Deleted };
        let text = serde_json::to_string(&change).unwrap();
        assert_eq!(text, r#"{"Path":"/x","Kind":2}"#);
        assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), change);
        assert!(serde_json::from_str::<Change>(r#"{"Path":"/x","Kind":3}"#).is_err());
    }

    #[test]
    fn kinds_of_files() {
        let stat = |mode| PathStat { mode, ..PathStat::default() };
        assert!(stat(1 << 31 | 0o755).is_directory() && !stat(1 << 31).is_file());
        assert!(stat(1 << 27 | 0o777).is_link() && stat(0o644).is_file());
        assert!(!stat(1 << 25).is_file());
    }

    #[test]
    fn commit_pauses_unless_told_not_to() {
        let read = |text: &str| CommitOptions::from_query(&Query::parse(text));
        let options = read("container=c&changes=ENV+A%3Db%0AUSER+x&changes=CMD+y");
        assert!(options.pause);
        assert_eq!(options.changes, ["ENV A=b", "USER x", "CMD y"]);
        assert!(!read("container=c&pause=0").pause);
        let text = options.to_query().to_string();
        assert_eq!(CommitOptions::from_query(&Query::parse(text.trim_start_matches('?'))), options);
    }
}
