//! The engine itself: ping, version, information, events.

use super::App;
use super::body::documents;
use super::error::{ApiError, Result};
use super::image::VIRTUAL_SIZE_GONE;
use super::routes::Routes;
use super::shape;
use crate::server::Connection;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::StreamExt;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, PRAGMA};
use std::sync::Arc;
use teu_api::disk_usage;
use teu_api::event::{Event, Options};
use teu_api::image::Summary;
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
        .get("/system/df", disk_usage)
}

/// First version whose events have no fields for clients before 1.22.
const EVENTS_WITHOUT_OLD_FIELDS: ApiVersion = ApiVersion { major: 1, minor: 52 };

/// First version that lets the client choose what is measured.
const DISK_USAGE_BY_TYPE: ApiVersion = ApiVersion { major: 1, minor: 42 };

/// First version that lists devices.
const INFO_WITH_DEVICES: ApiVersion = ApiVersion { major: 1, minor: 50 };

/// First version that sums disk usage up.
const DISK_USAGE_IN_SUM: ApiVersion = ApiVersion { major: 1, minor: 52 };

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

async fn info(State(app): State<App>, Extension(version): Extension<ApiVersion>) -> Result<Json<Info>> {
    let mut info = app.engine.system_info().await?;
    if version < INFO_WITH_DEVICES {
        info.discovered_devices.clear();
    }
    Ok(Json(shape::info(info, version)))
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

async fn disk_usage(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let query = Query::parse(query.as_deref().unwrap_or_default());
    let options = match version {
        version if version < DISK_USAGE_BY_TYPE => disk_usage::Options::ALL,
        _ => disk_usage::Options::from_query(&query).map_err(ApiError::bad_request)?,
    };
    let mut usage = app.engine.system_disk_usage(options).await?;
    if version < VIRTUAL_SIZE_GONE
        && let Some(images) = usage.image_usage.as_mut().and_then(|usage| usage.items.as_mut())
    {
        *images = std::mem::take(images).into_iter().map(Summary::with_virtual_size).collect();
    }
    if let Some(containers) = usage.container_usage.as_mut().and_then(|usage| usage.items.as_mut()) {
        *containers = shape::summaries(std::mem::take(containers), version);
    }
    Ok(match version {
        version if version < DISK_USAGE_IN_SUM => Json(disk_usage::Lists::from(usage)).into_response(),
        // Who asks in the new way reads the new form; all others may look for the old one.
        _ if query.flag("verbose") => Json(usage).into_response(),
        _ => Json(usage.with_lists()).into_response(),
    })
}
