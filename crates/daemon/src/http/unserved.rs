//! Routes of the API that are not built: they answer 501 with a message that names them, as a rule.

use super::routes::Routes;
use http::{Method, StatusCode};

pub(super) fn routes() -> Routes {
    let refused = |routes: Routes, (method, path): &(Method, &'static str)| {
        let (status, message) = refusal(method, path);
        routes.refused(method.clone(), path, status, message)
    };
    UNSERVED.iter().fold(Routes::default(), refused)
}

/// What a client is told.
fn refusal(method: &Method, path: &str) -> (StatusCode, String) {
    match path {
        // As true here as with Docker: scripts and tests leave what they may not be in.
        "/swarm/leave" => (StatusCode::SERVICE_UNAVAILABLE, "This node is not part of a swarm".to_owned()),
        _ => (StatusCode::NOT_IMPLEMENTED, format!("{method} {path} is not supported yet")),
    }
}

/// Method and path as in Docker's API description.
const UNSERVED: &[(Method, &str)] = &[
    (Method::POST, "/build"),
    (Method::GET, "/images/{name}/attestations"),
    (Method::POST, "/images/{name}/push"),
    (Method::GET, "/images/search"),
    (Method::PUT, "/volumes/{name}"),
    (Method::GET, "/plugins"),
    (Method::GET, "/plugins/privileges"),
    (Method::POST, "/plugins/pull"),
    (Method::GET, "/plugins/{name}/json"),
    (Method::DELETE, "/plugins/{name}"),
    (Method::POST, "/plugins/{name}/enable"),
    (Method::POST, "/plugins/{name}/disable"),
    (Method::POST, "/plugins/{name}/upgrade"),
    (Method::POST, "/plugins/create"),
    (Method::POST, "/plugins/{name}/push"),
    (Method::POST, "/plugins/{name}/set"),
    (Method::GET, "/nodes"),
    (Method::GET, "/nodes/{id}"),
    (Method::DELETE, "/nodes/{id}"),
    (Method::POST, "/nodes/{id}/update"),
    (Method::GET, "/swarm"),
    (Method::POST, "/swarm/init"),
    (Method::POST, "/swarm/join"),
    (Method::POST, "/swarm/leave"),
    (Method::POST, "/swarm/update"),
    (Method::GET, "/swarm/unlockkey"),
    (Method::POST, "/swarm/unlock"),
    (Method::GET, "/services"),
    (Method::POST, "/services/create"),
    (Method::GET, "/services/{id}"),
    (Method::DELETE, "/services/{id}"),
    (Method::POST, "/services/{id}/update"),
    (Method::GET, "/services/{id}/logs"),
    (Method::GET, "/tasks"),
    (Method::GET, "/tasks/{id}"),
    (Method::GET, "/tasks/{id}/logs"),
    (Method::GET, "/secrets"),
    (Method::POST, "/secrets/create"),
    (Method::GET, "/secrets/{id}"),
    (Method::DELETE, "/secrets/{id}"),
    (Method::POST, "/secrets/{id}/update"),
    (Method::GET, "/configs"),
    (Method::POST, "/configs/create"),
    (Method::GET, "/configs/{id}"),
    (Method::DELETE, "/configs/{id}"),
    (Method::POST, "/configs/{id}/update"),
    (Method::GET, "/distribution/{name}/json"),
    (Method::POST, "/session"),
];
