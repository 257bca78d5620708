//! Credentials.

use super::App;
use super::body::read_json;
use super::error::Result;
use super::routes::Routes;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::Request;
use teu_api::auth::{AuthConfig, AuthResponse};

pub(super) fn routes() -> Routes {
    Routes::default().post("/auth", login)
}

async fn login(State(app): State<App>, request: Request<Body>) -> Result<Json<AuthResponse>> {
    let auth: AuthConfig = read_json(request).await?;
    Ok(Json(app.engine.registry_login(auth).await?))
}
