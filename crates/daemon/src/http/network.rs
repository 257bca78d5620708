//! Networks.

use super::App;
use super::error::Result;
use super::routes::Routes;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use teu_api::network::Network;
use teu_api::query::Query;

pub(super) fn routes() -> Routes {
    Routes::default().get("/networks", list).get("/networks/{id}", inspect)
}

async fn list(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Json<Vec<Network>>> {
    let filters = Query::parse(query.as_deref().unwrap_or_default()).filters()?;
    Ok(Json(app.engine.network_list(&filters).await?))
}

async fn inspect(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Network>> {
    Ok(Json(app.engine.network_inspect(&id).await?))
}
