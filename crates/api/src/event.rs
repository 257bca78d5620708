//! Events: what happens to containers, images and networks.

use crate::filters::Filters;
use crate::json::is_zero;
use crate::query::Query;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One event, as in the stream of `GET /events`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// Same as `action`, for old clients; containers and images only.
    #[serde(skip_serializing_if = "is_zero")]
    pub status: String,
    /// Same as the actor's id, for old clients; containers and images only.
    #[serde(skip_serializing_if = "is_zero")]
    pub id: String,
    /// Image of the container, for old clients.
    #[serde(skip_serializing_if = "is_zero")]
    pub from: String,
    /// `container`, `image`, `network`, `volume`, `daemon`, …
    #[serde(rename = "Type")]
    pub kind: String,
    /// `create`, `start`, `die`, …
    #[serde(rename = "Action")]
    pub action: String,
    /// What it happened to.
    #[serde(rename = "Actor")]
    pub actor: Actor,
    /// `local` or `swarm`.
    #[serde(skip_serializing_if = "is_zero")]
    pub scope: String,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "is_zero")]
    pub time: i64,
    /// Nanoseconds since 1970.
    #[serde(rename = "timeNano", skip_serializing_if = "is_zero")]
    pub time_nano: i64,
}

/// What an event happened to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Actor {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its labels, and more about the event.
    pub attributes: BTreeMap<String, String>,
}

/// Query of `GET /events`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// From this time on: seconds since 1970 with a fraction, or RFC 3339; empty for now.
    pub since: String,
    /// Up to this time, written as `since`; empty for ever.
    pub until: String,
    /// Which events.
    pub filters: Filters,
}

impl Options {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// The filters are malformed.
    pub fn from_query(query: &Query) -> Result<Self, crate::query::Error> {
        Ok(Self { since: query.string("since"), until: query.string("until"), filters: query.filters()? })
    }
    /// Writes the query of a request.
    pub fn to_query(&self) -> Query {
        Query::new().text("since", &self.since).text("until", &self.until).filter(&self.filters)
    }
}
