//! Containers: everything that is answered in one piece.

use super::App;
use super::body::{read_json, read_optional_json, to_end};
use super::error::{ApiError, Result};
use super::routes::Routes;
use super::shape;
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, State};
use http::{Request, StatusCode};
use teu_api::container::{
    CreateOptions, CreateRequest, CreateResponse, Inspect, ListOptions, RemoveOptions, ResizeOptions, StopOptions,
    Summary, Top, UpdateRequest, UpdateResponse,
};
use teu_api::query::Query;
use teu_api::version::ApiVersion;

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/containers/json", list)
        .post("/containers/create", create)
        .get("/containers/{id}/json", inspect)
        .get("/containers/{id}/top", top)
        .post("/containers/{id}/start", start)
        .post("/containers/{id}/stop", stop)
        .post("/containers/{id}/restart", restart)
        .post("/containers/{id}/kill", kill)
        .post("/containers/{id}/pause", pause)
        .post("/containers/{id}/unpause", unpause)
        .post("/containers/{id}/rename", rename)
        .post("/containers/{id}/update", update)
        .post("/containers/{id}/resize", resize)
        .delete("/containers/{id}", remove)
}

fn parse(query: Option<&String>) -> Query {
    Query::parse(query.map_or("", String::as_str))
}

async fn list(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Summary>>> {
    let options = ListOptions::from_query(&parse(query.as_ref()))?;
    Ok(Json(shape::summaries(app.engine.container_list(&options).await?, version)))
}

async fn create(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    RawQuery(query): RawQuery,
    request: Request<Body>,
) -> Result<(StatusCode, Json<CreateResponse>)> {
    let options = CreateOptions::from_query(&parse(query.as_ref()));
    let body = create_request(request, version).await?;
    Ok((StatusCode::CREATED, Json(to_end(async move { app.engine.container_create(&options, body).await }).await?)))
}

/// What is to be created.
pub(super) async fn create_request(request: Request<Body>, version: ApiVersion) -> Result<CreateRequest> {
    let body: Option<CreateRequest> = read_json(request).await?;
    let body = body.ok_or_else(|| ApiError::bad_request("config cannot be empty in order to create a container"))?;
    shape::create_request(&body, version).map_err(ApiError::bad_request)?;
    Ok(body)
}

async fn inspect(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Inspect>> {
    let size = parse(query.as_ref()).flag("size");
    Ok(Json(shape::inspect(app.engine.container_inspect(&id, size).await?, version)))
}

async fn top(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<Json<Top>> {
    let ps_args = parse(query.as_ref()).string("ps_args");
    Ok(Json(app.engine.container_top(&id, &ps_args).await?))
}

async fn start(State(app): State<App>, Path(id): Path<String>, request: Request<Body>) -> Result<StatusCode> {
    // Up to API 1.22 a host configuration could be given here. Clients still send `{}` or `null`.
    let body: Option<serde_json::Value> = read_optional_json(request).await?;
    if body.is_some_and(|body| body.as_object().is_none_or(|object| !object.is_empty()) && !body.is_null()) {
        return Err(ApiError::bad_request(
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
        ));
    }
    to_end(async move { app.engine.container_start(&id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn stop(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<StatusCode> {
    let options = StopOptions::from_query(&parse(query.as_ref()))?;
    to_end(async move { app.engine.container_stop(&id, &options).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn restart(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<StatusCode> {
    let options = StopOptions::from_query(&parse(query.as_ref()))?;
    to_end(async move { app.engine.container_restart(&id, &options).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn kill(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<StatusCode> {
    let signal = parse(query.as_ref()).string("signal");
    to_end(async move { app.engine.container_kill(&id, &signal).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn pause(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode> {
    to_end(async move { app.engine.container_pause(&id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unpause(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode> {
    to_end(async move { app.engine.container_unpause(&id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn rename(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<StatusCode> {
    let name = parse(query.as_ref()).string("name");
    to_end(async move { app.engine.container_rename(&id, &name).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn update(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Json<UpdateResponse>> {
    let body: UpdateRequest = read_json(request).await?;
    Ok(Json(to_end(async move { app.engine.container_update(&id, body).await }).await?))
}

async fn resize(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<StatusCode> {
    let size = ResizeOptions::from_query(&parse(query.as_ref()))?;
    app.engine.container_resize(&id, size).await?;
    Ok(StatusCode::OK)
}

async fn remove(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<StatusCode> {
    let options = RemoveOptions::from_query(&parse(query.as_ref()));
    to_end(async move { app.engine.container_remove(&id, options).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
