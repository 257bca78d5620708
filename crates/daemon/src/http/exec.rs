//! Execs.

use super::App;
use super::body::{read_json, read_optional_json, to_end};
use super::error::{ApiError, Result};
use super::hijack::{self, Escape};
use super::routes::Routes;
use crate::server::Connection;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{Request, StatusCode};
use std::sync::Arc;
use teu_api::container::ResizeOptions;
use teu_api::exec::{CreateRequest, IdResponse, Inspect, StartRequest};
use teu_api::query::Query;
use teu_api::version::ApiVersion;
use teu_engine::ExecStarted;

pub(super) fn routes() -> Routes {
    Routes::default()
        .post("/containers/{id}/exec", create)
        .post("/exec/{id}/start", start)
        .post("/exec/{id}/resize", resize)
        .get("/exec/{id}/json", inspect)
}

async fn create(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<IdResponse>)> {
    let body: CreateRequest = read_optional_json(request).await?.unwrap_or_default();
    if body.cmd.as_ref().is_none_or(Vec::is_empty) {
        return Err(ApiError::bad_request("No exec command specified"));
    }
    // Docker's words here are not those of attaching to a container.
    let bad_keys = |_| ApiError::bad_request(format!("Invalid escape keys ({}) provided", body.detach_keys));
    Escape::parse(&body.detach_keys).map_err(bad_keys)?;
    Ok((StatusCode::CREATED, Json(app.engine.exec_create(&id, body).await?)))
}

async fn start(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response> {
    let headers = request.headers().clone();
    let body: StartRequest = read_json(request).await?;
    // The detach keys were given when the exec was created.
    let escape = if body.detach { Escape::never() } else { exec_escape(&app, &id).await? };
    match to_end(async move { app.engine.exec_start(&id, body).await }).await? {
        ExecStarted::Detached => Ok(StatusCode::OK.into_response()),
        ExecStarted::Attached(attachment) => Ok(hijack::answer(&connection, attachment, escape, version, &headers)),
    }
}

async fn exec_escape(app: &App, id: &str) -> Result<Escape> {
    let inspected = app.engine.exec_inspect(id).await?;
    Ok(Escape::from_base64(&inspected.detach_keys))
}

async fn resize(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<StatusCode> {
    let size = ResizeOptions::from_query(&Query::parse(query.as_deref().unwrap_or_default()))?;
    app.engine.exec_resize(&id, size).await?;
    Ok(StatusCode::OK)
}

async fn inspect(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Inspect>> {
    Ok(Json(app.engine.exec_inspect(&id).await?))
}
