//! Routes of the API that are not built: they answer 501 with a message that names them.

use super::routes::Routes;
use http::Method;

pub(super) fn routes() -> Routes {
    UNSERVED
        .iter()
        .fold(Routes::default(), |routes, (method, path)| routes.unserved(method.clone(), path, message(method, path)))
}

/// What a client is told.
fn message(method: &Method, path: &str) -> String {
    format!("{method} {path} is not supported yet")
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
