//! Networks.

use super::App;
use super::body::{read_optional_json, to_end};
use super::error::Result;
use super::routes::Routes;
use super::shape;
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, State};
use http::{Request, StatusCode};
use teu_api::network::{ConnectRequest, CreateRequest, CreateResponse, DisconnectRequest, Network};
use teu_api::query::Query;
use teu_api::version::ApiVersion;

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/networks", list)
        .post("/networks/create", create)
        .get("/networks/{id}", inspect)
        .delete("/networks/{id}", remove)
        .post("/networks/{id}/connect", connect)
        .post("/networks/{id}/disconnect", disconnect)
}

async fn list(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Network>>> {
    let filters = Query::parse(query.as_deref().unwrap_or_default()).filters()?;
    let networks = app.engine.network_list(&filters).await?;
    Ok(Json(networks.into_iter().map(|network| shape::network(network, version)).collect()))
}

async fn create(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<CreateResponse>)> {
    let body: CreateRequest = read_optional_json(request).await?.unwrap_or_default();
    let body = shape::network_request(body, version);
    Ok((StatusCode::CREATED, Json(to_end(async move { app.engine.network_create(body).await }).await?)))
}

async fn remove(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode> {
    to_end(async move { app.engine.network_remove(&id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn connect(State(app): State<App>, Path(id): Path<String>, request: Request<Body>) -> Result<StatusCode> {
    let body: ConnectRequest = read_optional_json(request).await?.unwrap_or_default();
    to_end(async move { app.engine.network_connect(&id, body).await }).await?;
    Ok(StatusCode::OK)
}

async fn disconnect(State(app): State<App>, Path(id): Path<String>, request: Request<Body>) -> Result<StatusCode> {
    let body: DisconnectRequest = read_optional_json(request).await?.unwrap_or_default();
    to_end(async move { app.engine.network_disconnect(&id, body).await }).await?;
    Ok(StatusCode::OK)
}

async fn inspect(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Network>> {
    let query = Query::parse(query.as_deref().unwrap_or_default());
    // Those of a cluster are not here.
    if query.get("scope").is_some_and(|scope| !matches!(scope, "" | "local")) {
        return Err(teu_engine::Error::NoSuchNetwork(id).into());
    }
    Ok(Json(shape::network(app.engine.network_inspect(&id).await?, version)))
}
