//! Containers: their files. Changes, export, archives, commit.

use super::App;
use super::body::{archive, bytes, read_optional_json, to_end, unless_refused};
use super::error::{ApiError, Result};
use super::routes::Routes;
use crate::server::Connection;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderName, Request, StatusCode};
use std::sync::Arc;
use teu_api::container::{ArchiveOptions, Change, CommitOptions, CommitResponse, Config, PATH_STAT, PathStat};
use teu_api::query::Query;

/// Media type of an archive of one path.
const TAR: &str = "application/x-tar";
/// Media type of an export, as Docker says it.
const BYTES: &str = "application/octet-stream";

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/containers/{id}/changes", changes)
        .get("/containers/{id}/export", export)
        .head("/containers/{id}/archive", stat_path)
        .get("/containers/{id}/archive", get_archive)
        .put("/containers/{id}/archive", put_archive)
        .post("/commit", commit)
}

fn parse(query: Option<&String>) -> Query {
    Query::parse(query.map_or("", String::as_str))
}

/// The path that a request is about.
fn path_of(query: &Query) -> Result<String> {
    let path = query.string("path");
    if path.is_empty() { Err(ApiError::bad_request("bad parameter: path cannot be empty")) } else { Ok(path) }
}

fn header(stat: &PathStat) -> [(HeaderName, String); 1] {
    [(HeaderName::from_static(PATH_STAT), stat.to_header())]
}

async fn changes(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Option<Vec<Change>>>> {
    let changes = app.engine.container_changes(&id).await?;
    // Docker has `null` for none.
    Ok(Json((!changes.is_empty()).then_some(changes)))
}

async fn export(
    State(app): State<App>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<String>,
) -> Result<Response> {
    let archive = app.engine.container_export(&id).await?;
    connection.is_stream();
    Ok(bytes(BYTES, archive))
}

async fn stat_path(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<Response> {
    let path = path_of(&parse(query.as_ref()))?;
    Ok(header(&app.engine.container_stat_path(&id, &path).await?).into_response())
}

async fn get_archive(
    State(app): State<App>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let path = path_of(&parse(query.as_ref()))?;
    let (stat, archive) = app.engine.container_get_archive(&id, &path).await?;
    connection.is_stream();
    Ok((header(&stat), bytes(TAR, archive)).into_response())
}

async fn put_archive(
    State(app): State<App>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<StatusCode> {
    let query = parse(query.as_ref());
    let path = path_of(&query)?;
    let (archive, read) = archive(body);
    let put = app.engine.container_put_archive(&id, &path, ArchiveOptions::from_query(&query), archive).await;
    unless_refused(put.map_err(ApiError::from), read).await?;
    Ok(StatusCode::OK)
}

async fn commit(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    request: Request<Body>,
) -> Result<(StatusCode, Json<CommitResponse>)> {
    let options = CommitOptions::from_query(&parse(query.as_ref()));
    let config: Option<Option<Config>> = read_optional_json(request).await?;
    let id = to_end(async move { app.engine.container_commit(options, config.flatten()).await }).await?;
    Ok((StatusCode::CREATED, Json(CommitResponse { id })))
}
