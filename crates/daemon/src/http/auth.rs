//! Credentials.

use super::routes::Routes;
use http::Method;

pub(super) fn routes() -> Routes {
    Routes::default().unserved(Method::POST, "/auth")
}
