//! The engine itself: ping, version, information, events.

use super::App;
use super::body::documents;
use super::error::Result;
use super::routes::Routes;
use crate::server::Connection;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::StreamExt;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, PRAGMA};
use std::sync::Arc;
use teu_api::event::{Event, Options};
use teu_api::query::Query;
use teu_api::system::{Info, Version};
use teu_api::version::ApiVersion;

pub(super) fn routes() -> Routes {
    Routes::default()
        .head("/_ping", ping)
        .get("/_ping", ping)
        .get("/version", version)
        .get("/info", info)
        .get("/events", events)
}

/// First version whose events have no fields for clients before 1.22.
const EVENTS_WITHOUT_OLD_FIELDS: ApiVersion = ApiVersion { major: 1, minor: 52 };

async fn ping() -> impl IntoResponse {
    // `Builder-Version` 1 is the classic builder; there is no BuildKit session to offer.
    let headers = [
        (HeaderName::from_static("builder-version"), "1"),
        (HeaderName::from_static("swarm"), "inactive"),
        (CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
        (PRAGMA, "no-cache"),
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
    ];
    (headers, "OK")
}

async fn version(State(app): State<App>) -> Result<Json<Version>> {
    Ok(Json(app.engine.system_version().await?))
}

async fn info(State(app): State<App>) -> Result<Json<Info>> {
    Ok(Json(app.engine.system_info().await?))
}

async fn events(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    Extension(connection): Extension<Arc<Connection>>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let options = Options::from_query(&Query::parse(query.as_deref().unwrap_or_default()))?;
    let events = app.engine.system_events(&options)?;
    connection.is_stream();
    Ok(documents(events.map(move |event| {
        let mut event = Event::clone(&event);
        if version >= EVENTS_WITHOUT_OLD_FIELDS {
            (event.status, event.id, event.from) = Default::default();
        }
        event
    })))
}
