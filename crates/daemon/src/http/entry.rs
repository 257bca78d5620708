//! Where requests come in and answers leave.

use super::error::ApiError;
use super::{App, path, routes};
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::header::{HeaderName, HeaderValue, SERVER};
use http::uri::PathAndQuery;
use http::{Method, Request, StatusCode, Uri};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::AssertUnwindSafe;
use teu_api::system::INSTANCE;
use teu_api::version::ApiVersion;
use tower::ServiceExt;

/// Answers requests.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    router: Router,
    api_version: HeaderValue,
    instance: HeaderValue,
}

/// Names the product and the operating system, as clients expect.
const PRODUCT: HeaderValue = HeaderValue::from_static(concat!("Teu/", env!("CARGO_PKG_VERSION"), " (linux)"));

impl Entry {
    pub(crate) fn new(app: App) -> Self {
        Self::with_router(routes::all().into_router().with_state(app))
    }

    /// Answers by the given routes.
    pub(crate) fn with_router(router: Router) -> Self {
        let api_version = HeaderValue::try_from(ApiVersion::MAX.to_string());
        let api_version = api_version.unwrap_or(HeaderValue::from_static(""));
        Self { router, api_version, instance: new_instance() }
    }

    /// Answers one request. A handler that panics is an internal error, not a lost connection.
    pub(crate) async fn answer(self, request: Request<Body>) -> Response {
        let method = request.method().clone();
        tracing::debug!("handling {method} request {}", request.uri());
        let answered = AssertUnwindSafe(self.clone().route(request)).catch_unwind().await;
        let mut response = answered.unwrap_or_else(|_| {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the engine failed to handle this request").into_response()
        });
        self.add_headers(&mut response);
        response
    }

    async fn route(self, mut request: Request<Body>) -> Response {
        let version = match rewrite(&mut request) {
            Ok(version) => version,
            Err(error) => return error.into_response(),
        };
        request.extensions_mut().insert(version);
        match self.router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    fn add_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("api-version"), self.api_version.clone());
        headers.insert(HeaderName::from_static("docker-experimental"), HeaderValue::from_static("false"));
        headers.insert(HeaderName::from_static(INSTANCE), self.instance.clone());
        headers.insert(HeaderName::from_static("ostype"), HeaderValue::from_static("linux"));
        headers.insert(SERVER, PRODUCT);
    }
}

/// A name that no other run of an engine has.
fn new_instance() -> HeaderValue {
    // The standard library's source of randomness for hash tables.
    let random = RandomState::new().build_hasher().finish();
    HeaderValue::try_from(format!("{random:016x}")).unwrap_or(HeaderValue::from_static(""))
}

/// Brings a request's path into the form of the routes; answers the version it was in.
fn rewrite(request: &mut Request<Body>) -> Result<ApiVersion, ApiError> {
    let whole = request.method() == Method::DELETE;
    let uri = request.uri();
    let (version, rest) = path::split_version(uri.path())?;
    let folded = path::fold_name(rest, whole);
    if folded.is_none() && rest.len() == uri.path().len() {
        return Ok(version);
    }
    let rest = folded.as_deref().unwrap_or(rest);
    let target = match uri.query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest.to_owned(),
    };
    let target = PathAndQuery::try_from(target).map_err(|_| ApiError::page_not_found())?;
    *request.uri_mut() = Uri::from(target);
    Ok(version)
}
