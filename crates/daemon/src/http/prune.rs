//! Prunes, of every noun. A client that leaves stops them between two objects: it may have changed its mind.

use super::App;
use super::error::Result;
use super::routes::Routes;
use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use teu_api::filters::Filters;
use teu_api::prune;
use teu_api::query::Query;
use teu_api::version::ApiVersion;

pub(super) fn routes() -> Routes {
    Routes::default()
        .post("/containers/prune", containers)
        .post("/images/prune", images)
        .post("/networks/prune", networks)
        .post("/volumes/prune", volumes)
        .post("/build/prune", build_cache)
}

/// First version in which volumes with names are pruned only when asked for.
const NAMED_VOLUMES_STAY: ApiVersion = ApiVersion { major: 1, minor: 42 };

fn filters(query: Option<&String>) -> Result<Filters> {
    Ok(Query::parse(query.map_or("", String::as_str)).filters()?)
}

async fn containers(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Json<prune::Containers>> {
    Ok(Json(app.engine.container_prune(&filters(query.as_ref())?).await?))
}

async fn images(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Json<prune::Images>> {
    Ok(Json(app.engine.image_prune(&filters(query.as_ref())?).await?))
}

async fn networks(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Json<prune::Networks>> {
    Ok(Json(app.engine.network_prune(&filters(query.as_ref())?).await?))
}

async fn volumes(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    RawQuery(query): RawQuery,
) -> Result<Json<prune::Volumes>> {
    let mut filters = filters(query.as_ref())?;
    if version < NAMED_VOLUMES_STAY {
        filters.add("all", "true");
    }
    Ok(Json(app.engine.volume_prune(&filters).await?))
}

async fn build_cache(State(app): State<App>) -> Json<prune::BuildCache> {
    Json(app.engine.build_prune().await)
}
