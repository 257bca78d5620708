//! Networks.

use super::App;
use super::error::Result;
use super::routes::Routes;
use super::shape;
use axum::Json;
use axum::extract::{Extension, Path, RawQuery, State};
use teu_api::network::Network;
use teu_api::query::Query;
use teu_api::version::ApiVersion;

pub(super) fn routes() -> Routes {
    Routes::default().get("/networks", list).get("/networks/{id}", inspect)
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

async fn inspect(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    Path(id): Path<String>,
) -> Result<Json<Network>> {
    Ok(Json(shape::network(app.engine.network_inspect(&id).await?, version)))
}
