//! Images.

use super::App;
use super::body::{archive, bytes, progress, progress_of_archive, to_end, unless_refused};
use super::error::{ApiError, Result};
use super::routes::Routes;
use crate::server::Connection;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use teu_api::auth::{AuthConfig, HEADER};
use teu_api::image::{CreateOptions, History, Inspect, ListOptions, RemoveOptions, Removed, Summary};
use teu_api::query::Query;
use teu_api::version::ApiVersion;

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/images/json", list)
        .post("/images/create", create)
        .post("/images/load", load)
        .get("/images/get", save_many)
        .get("/images/{name}/get", save)
        .get("/images/{name}/json", inspect)
        .get("/images/{name}/history", history)
        .post("/images/{name}/tag", tag)
        .delete("/images/{name}", remove)
}

const TAR: &str = "application/x-tar";

fn parse(query: Option<&String>) -> Query {
    Query::parse(query.map_or("", String::as_str))
}

/// First version that tells an image's size once.
pub(super) const VIRTUAL_SIZE_GONE: ApiVersion = ApiVersion { major: 1, minor: 44 };

async fn list(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Summary>>> {
    let options = ListOptions::from_query(&parse(query.as_ref()))?;
    let mut images = app.engine.image_list(&options).await?;
    if version < VIRTUAL_SIZE_GONE {
        images = images.into_iter().map(Summary::with_virtual_size).collect();
    }
    Ok(Json(images))
}

async fn inspect(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Inspect>> {
    Ok(Json(app.engine.image_inspect(&name).await?))
}

async fn history(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Vec<History>>> {
    Ok(Json(app.engine.image_history(&name).await?))
}

/// Pulls from a registry, or imports an archive.
async fn create(
    State(app): State<App>,
    Extension(connection): Extension<Arc<Connection>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let options = CreateOptions::from_query(&parse(query.as_ref()));
    connection.is_stream();
    if options.from_image.is_empty() {
        let (archive, read) = archive(body);
        let import = async { progress(app.engine.image_import(archive, options).await?).await };
        return unless_refused(import.await, read).await;
    }
    let auth = headers.get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Docker takes what it cannot read for no credentials.
    let auth = AuthConfig::from_header(auth).unwrap_or_default();
    progress(app.engine.image_pull(options, auth).await?).await
}

async fn load(
    State(app): State<App>,
    Extension(connection): Extension<Arc<Connection>>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response> {
    let quiet = parse(query.as_ref()).flag_or("quiet", true);
    connection.is_stream();
    let (archive, read) = archive(body);
    match app.engine.image_load(archive, quiet).await {
        Ok(stream) => Ok(progress_of_archive(stream, read).await),
        Err(error) => unless_refused(Err(error.into()), read).await,
    }
}

async fn save(
    State(app): State<App>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(name): Path<String>,
) -> Result<Response> {
    connection.is_stream();
    Ok(bytes(TAR, app.engine.image_save(vec![name]).await?))
}

async fn save_many(
    State(app): State<App>,
    Extension(connection): Extension<Arc<Connection>>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let names = parse(query.as_ref()).all("names");
    if names.is_empty() {
        return Err(ApiError::bad_request("no image names given"));
    }
    connection.is_stream();
    Ok(bytes(TAR, app.engine.image_save(names).await?))
}

async fn tag(State(app): State<App>, Path(name): Path<String>, RawQuery(query): RawQuery) -> Result<StatusCode> {
    let query = parse(query.as_ref());
    to_end(async move { app.engine.image_tag(&name, &query.string("repo"), &query.string("tag")).await }).await?;
    Ok(StatusCode::CREATED)
}

async fn remove(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Removed>>> {
    let options = RemoveOptions::from_query(&parse(query.as_ref()));
    Ok(Json(to_end(async move { app.engine.image_remove(&name, options).await }).await?))
}
