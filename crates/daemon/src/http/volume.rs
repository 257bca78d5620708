//! Volumes.

use super::App;
use super::body::{read_optional_json, to_end};
use super::error::Result;
use super::routes::Routes;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use http::{Request, StatusCode};
use teu_api::query::Query;
use teu_api::volume::{CreateRequest, List, Volume};

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/volumes", list)
        .post("/volumes/create", create)
        .get("/volumes/{name}", inspect)
        .delete("/volumes/{name}", remove)
}

async fn list(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Json<List>> {
    let filters = Query::parse(query.as_deref().unwrap_or_default()).filters()?;
    Ok(Json(app.engine.volume_list(&filters).await?))
}

async fn create(State(app): State<App>, request: Request<Body>) -> Result<(StatusCode, Json<Volume>)> {
    let body: CreateRequest = read_optional_json(request).await?.unwrap_or_default();
    Ok((StatusCode::CREATED, Json(to_end(async move { app.engine.volume_create(body).await }).await?)))
}

async fn inspect(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Volume>> {
    Ok(Json(app.engine.volume_inspect(&name).await?))
}

async fn remove(State(app): State<App>, Path(name): Path<String>, RawQuery(query): RawQuery) -> Result<StatusCode> {
    let force = Query::parse(query.as_deref().unwrap_or_default()).flag("force");
    to_end(async move { app.engine.volume_remove(&name, force).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
