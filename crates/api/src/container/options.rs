//! Query parameters of the container routes, and their small answers.

use crate::filters::Filters;
use crate::query::Query;
use serde::{Deserialize, Serialize};

/// Query of `POST /containers/create`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CreateOptions {
    /// Name; empty to have one made.
    pub name: String,
    /// Platform of the image, `os[/arch[/variant]]`; empty for any.
    pub platform: String,
}

impl CreateOptions {
    /// Reads the query of a request.
    pub fn from_query(query: &Query) -> Self {
        Self { name: query.string("name"), platform: query.string("platform") }
    }
    /// Writes the query of a request.
    pub fn to_query(&self) -> Query {
        Query::new().text("name", &self.name).text("platform", &self.platform)
    }
}

/// Query of `GET /containers/json`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListOptions {
    /// Containers that do not run too.
    pub all: bool,
    /// The last this many, running or not; 0 or negative for no limit.
    pub limit: i64,
    /// With sizes.
    pub size: bool,
    /// What to list.
    pub filters: Filters,
}

impl ListOptions {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// A number or the filters are malformed.
    pub fn from_query(query: &Query) -> Result<Self, crate::query::Error> {
        Ok(Self {
            all: query.flag("all"),
            limit: query.number("limit")?.unwrap_or(0),
            size: query.flag("size"),
            filters: query.filters()?,
        })
    }
    /// Writes the query of a request.
    pub fn to_query(&self) -> Query {
        let query = Query::new().switch("all", self.all).switch("size", self.size).filter(&self.filters);
        if self.limit > 0 { query.set("limit", self.limit) } else { query }
    }
}

/// Query of `GET /containers/{id}/logs`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogsOptions {
    /// Keep the answer open for new output.
    pub follow: bool,
    /// With standard output.
    pub stdout: bool,
    /// With standard error.
    pub stderr: bool,
    /// From this time on: seconds since 1970 with a fraction, or RFC 3339; empty for the beginning.
    pub since: String,
    /// Up to this time, written as `since`; empty for the end.
    pub until: String,
    /// Each line starts with its time.
    pub timestamps: bool,
    /// Number of last lines, or `all`; empty for all.
    pub tail: String,
    /// Each line starts with attributes of the log driver.
    pub details: bool,
}

impl LogsOptions {
    /// Reads the query of a request.
    pub fn from_query(query: &Query) -> Self {
        Self {
            follow: query.flag("follow"),
            stdout: query.flag("stdout"),
            stderr: query.flag("stderr"),
            since: query.string("since"),
            until: query.string("until"),
            timestamps: query.flag("timestamps"),
            tail: query.string("tail"),
            details: query.flag("details"),
        }
    }
    /// Writes the query of a request.
    pub fn to_query(&self) -> Query {
        Query::new()
            .switch("follow", self.follow)
            .switch("stdout", self.stdout)
            .switch("stderr", self.stderr)
            .text("since", &self.since)
            .text("until", &self.until)
            .switch("timestamps", self.timestamps)
            .text("tail", &self.tail)
            .switch("details", self.details)
    }
}

/// Query of `POST /containers/{id}/attach`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttachOptions {
    /// First what was logged so far.
    pub logs: bool,
    /// Then what comes.
    pub stream: bool,
    /// With standard input.
    pub stdin: bool,
    /// With standard output.
    pub stdout: bool,
    /// With standard error.
    pub stderr: bool,
    /// Keys that detach, `ctrl-p,ctrl-q`; empty for the default.
    pub detach_keys: String,
}

impl AttachOptions {
    /// Reads the query of a request.
    pub fn from_query(query: &Query) -> Self {
        Self {
            logs: query.flag("logs"),
            stream: query.flag("stream"),
            stdin: query.flag("stdin"),
            stdout: query.flag("stdout"),
            stderr: query.flag("stderr"),
            detach_keys: query.string("detachKeys"),
        }
    }
    /// Writes the query of a request.
    pub fn to_query(&self) -> Query {
        Query::new()
            .switch("logs", self.logs)
            .switch("stream", self.stream)
            .switch("stdin", self.stdin)
            .switch("stdout", self.stdout)
            .switch("stderr", self.stderr)
            .text("detachKeys", &self.detach_keys)
    }
}

/// Query of `DELETE /containers/{id}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// With its anonymous volumes.
    pub volumes: bool,
    /// Kill it first if it runs.
    pub force: bool,
    /// Remove a legacy link, not the container.
    pub link: bool,
}

impl RemoveOptions {
    /// Reads the query of a request.
    pub fn from_query(query: &Query) -> Self {
        Self { volumes: query.flag("v"), force: query.flag("force"), link: query.flag("link") }
    }
    /// Writes the query of a request.
    pub fn to_query(&self) -> Query {
        Query::new().switch("v", self.volumes).switch("force", self.force).switch("link", self.link)
    }
}

/// Query of `POST /containers/{id}/stop` and `…/restart`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StopOptions {
    /// Signal, by name or number; empty for the container's.
    pub signal: String,
    /// Seconds to wait before killing; missing for the container's, -1 to wait forever.
    pub timeout: Option<i64>,
}

impl StopOptions {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// The time is not a number.
    pub fn from_query(query: &Query) -> Result<Self, crate::query::Error> {
        Ok(Self { signal: query.string("signal"), timeout: query.number("t")? })
    }
    /// Writes the query of a request.
    pub fn to_query(&self) -> Query {
        let query = Query::new().text("signal", &self.signal);
        match self.timeout {
            Some(seconds) => query.set("t", seconds),
            None => query,
        }
    }
}

/// Query of the resize routes of containers and execs: the size of a terminal in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResizeOptions {
    /// Rows.
    pub height: u16,
    /// Columns.
    pub width: u16,
}

impl ResizeOptions {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// A size is missing, not a number or out of range.
    pub fn from_query(query: &Query) -> Result<Self, crate::query::Error> {
        Ok(Self { height: query.required("h")?, width: query.required("w")? })
    }
    /// Writes the query of a request.
    pub fn to_query(self) -> Query {
        Query::new().set("h", self.height).set("w", self.width)
    }
}

/// What `POST /containers/{id}/wait` waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WaitCondition {
    /// Until it does not run; at once if it does not run now.
    #[default]
    NotRunning,
    /// Until its next exit.
    NextExit,
    /// Until it is removed.
    Removed,
}

impl WaitCondition {
    /// Reads the value of the query; empty means the default.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "not-running" => Some(Self::NotRunning),
            "next-exit" => Some(Self::NextExit),
            "removed" => Some(Self::Removed),
            _ => None,
        }
    }
    /// The value as written in a query.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRunning => "not-running",
            Self::NextExit => "next-exit",
            Self::Removed => "removed",
        }
    }
}

/// Answer to `POST /containers/{id}/wait`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WaitResponse {
    /// Exit code.
    pub status_code: i64,
    /// Why waiting failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<WaitError>,
}

/// Why waiting failed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WaitError {
    /// The message.
    pub message: String,
}

/// Answer to `GET /containers/{id}/top`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Top {
    /// One row per process.
    pub processes: Vec<Vec<String>>,
    /// Names of the columns.
    pub titles: Vec<String>,
}
