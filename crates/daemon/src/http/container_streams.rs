//! Containers: what is answered over time. Attach, logs, wait.

use super::App;
use super::body::{bytes, documents};
use super::error::{ApiError, Result};
use super::hijack::{self, Escape, Messages};
use super::routes::Routes;
use crate::server::Connection;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use futures_util::stream;
use http::{HeaderMap, Request};
use std::sync::Arc;
use teu_api::container::{AttachOptions, LogsOptions, StatsOptions, WaitCondition};
use teu_api::query::Query;
use teu_api::version::ApiVersion;

pub(super) fn routes() -> Routes {
    Routes::default()
        .post("/containers/{id}/attach", attach)
        .get("/containers/{id}/attach/ws", attach_websocket)
        .get("/containers/{id}/logs", logs)
        .get("/containers/{id}/stats", stats)
        .post("/containers/{id}/wait", wait)
}

pub(super) fn parse(query: Option<&String>) -> Query {
    Query::parse(query.map_or("", String::as_str))
}

/// What to attach, and the keys that detach.
pub(super) fn attach_options(query: &Query) -> Result<(AttachOptions, Escape)> {
    let options = AttachOptions::from_query(query);
    let escape = Escape::parse(&options.detach_keys).map_err(ApiError::bad_request)?;
    Ok((options, escape))
}

async fn attach(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    let (options, escape) = attach_options(&parse(query.as_ref()))?;
    let attachment = app.engine.container_attach(&id, &options).await?;
    Ok(hijack::answer(&connection, attachment, escape, version, &headers))
}

async fn attach_websocket(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response> {
    let (options, escape) = attach_options(&Query::parse(request.uri().query().unwrap_or_default()))?;
    let handshake = hijack::handshake(request)?;
    let attachment = app.engine.container_attach(&id, &options).await?;
    Ok(hijack::websocket(&connection, attachment, escape, Messages::of(version), handshake))
}

async fn logs(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let options = LogsOptions::from_query(&parse(query.as_ref()));
    if !options.stdout && !options.stderr {
        return Err(ApiError::bad_request("Bad parameters: you must choose at least one stream"));
    }
    let logs = app.engine.container_logs(&id, &options).await?;
    connection.is_stream();
    Ok(bytes(hijack::media(!logs.tty, version), logs.output))
}

/// First version that can do without a first sample to compare with.
const ONE_SHOT: ApiVersion = ApiVersion { major: 1, minor: 41 };

async fn stats(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let mut options = StatsOptions::from_query(&parse(query.as_ref()));
    options.one_shot &= version >= ONE_SHOT;
    if options.stream && options.one_shot {
        return Err(ApiError::bad_request("cannot have stream=true and one-shot=true"));
    }
    let samples = app.engine.container_stats(&id, options).await?;
    connection.is_stream();
    Ok(documents(samples))
}

pub(super) fn condition(text: &str) -> Result<WaitCondition> {
    WaitCondition::parse(text).ok_or_else(|| ApiError::bad_request(format!("invalid condition: {text:?}")))
}

/// First version in which a client chooses what it waits for.
const WAIT_CONDITIONS: ApiVersion = ApiVersion { major: 1, minor: 30 };

/// The head of the answer is sent at once: it tells the client that an exit will not be missed from here on.
async fn wait(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let condition = match version {
        version if version < WAIT_CONDITIONS => String::new(),
        _ => parse(query.as_ref()).string("condition"),
    };
    let condition = self::condition(&condition)?;
    let wait = app.engine.container_wait(&id, condition).await?;
    connection.is_stream();
    Ok(documents(stream::once(wait.exit())))
}
