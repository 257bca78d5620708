//! The client itself: how a request is made and its answer read.

use super::connection::{Lease, Pool};
use super::{BodyStream, Endpoint, Error, JsonStream, RequestBody};
use crate::error::ErrorResponse;
use crate::json;
use crate::query::Query;
use crate::system::INSTANCE;
use crate::version::ApiVersion;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What the client calls itself.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("teu/", env!("CARGO_PKG_VERSION")));
/// Content type of JSON bodies; engines insist on it.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A client of one engine. Clones share connections and the negotiated version.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    pool: Arc<Pool>,
    version: OnceLock<ApiVersion>,
    /// Sent with every request.
    headers: HeaderMap,
    /// Who answered last.
    instance: Mutex<Option<HeaderValue>>,
}

/// A request that can be sent again: its body is in memory.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// Path without version, encoded.
    pub(super) path: &'a str,
    pub(super) query: &'a Query,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, path: &'a str, query: &'a Query) -> Self {
        Self { method, path, query, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// With a JSON body.
    pub(super) fn json<T: Serialize>(mut self, body: &T) -> Result<Self, Error> {
        let encoded = serde_json::to_vec(body);
        self.body = encoded.map_err(|source| Error::Decode { path: self.path.to_owned(), source })?.into();
        self.headers.insert(CONTENT_TYPE, JSON);
        Ok(self)
    }

    /// With a further header.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Result<Self, Error> {
        let value = HeaderValue::from_str(value).map_err(http::Error::from)?;
        self.headers.insert(HeaderName::from_static(name), value);
        Ok(self)
    }
}

/// An answer that is no error.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: BodyStream,
}

impl Client {
    /// A client for an endpoint. Nothing is sent yet.
    pub fn new(endpoint: Endpoint) -> Self {
        Self::configured(endpoint, None, HeaderMap::new())
    }

    /// A client that speaks a fixed version (`DOCKER_API_VERSION`) if one is given instead of negotiating one, and that
    /// sends these headers with every request (`HttpHeaders` of `config.json`).
    pub fn configured(endpoint: Endpoint, version: Option<ApiVersion>, headers: HeaderMap) -> Self {
        let version = version.map_or_else(OnceLock::new, OnceLock::from);
        Self { inner: Arc::new(Inner { endpoint, pool: Arc::default(), version, headers, instance: Mutex::default() }) }
    }

    /// Where the engine is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// Tells the run of the engine that answered last from another. None if it does not say.
    pub fn instance(&self) -> Option<HeaderValue> {
        self.inner.instance.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is sent with every request.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.inner.headers
    }

    /// The negotiated version; the newest one before the first request.
    pub fn version(&self) -> ApiVersion {
        self.inner.version.get().copied().unwrap_or(ApiVersion::MAX)
    }

    /// Settles the version, by asking the engine if it is not settled yet.
    ///
    /// # Errors
    /// The engine cannot be reached, or is too old.
    pub async fn negotiate(&self) -> Result<ApiVersion, Error> {
        if let Some(version) = self.inner.version.get() {
            return Ok(*version);
        }
        let request = self.head(&Call::new(Method::HEAD, "/_ping", &Query::new()), None)?;
        let (answer, lease) = self.exchange(request.map(|()| RequestBody::empty())).await?;
        let version = self.settle(announced(answer.headers()))?;
        lease.release();
        Ok(version)
    }

    fn remember_instance(&self, headers: &HeaderMap) {
        *self.inner.instance.lock().unwrap_or_else(PoisonError::into_inner) = headers.get(INSTANCE).cloned();
    }

    /// Settles the version and remembers who answered, from the head of any answer. Docker does not tell its version where it has
    /// no such route.
    ///
    /// # Errors
    /// The engine is too old.
    pub(super) fn learn(&self, headers: &HeaderMap) -> Result<(), Error> {
        self.remember_instance(headers);
        match announced(headers) {
            server @ Some(_) if self.inner.version.get().is_none() => self.settle(server).map(drop),
            _ => Ok(()),
        }
    }

    /// The version, if it is settled.
    pub(super) fn settled(&self) -> Option<ApiVersion> {
        self.inner.version.get().copied()
    }

    /// Remembers the version for an engine whose newest is `server`.
    fn settle(&self, server: Option<ApiVersion>) -> Result<ApiVersion, Error> {
        let version = ApiVersion::negotiate(server);
        if version < ApiVersion::MIN {
            return Err(Error::TooNew { client: ApiVersion::MIN, server: version });
        }
        Ok(*self.inner.version.get_or_init(|| version))
    }

    /// Sends a request and checks its status. The first request of a client negotiates the version on the way.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Answer, Error> {
        let settled = self.inner.version.get().is_some();
        let (mut answer, mut lease) = self.replayable(&call, self.version()).await?;
        self.remember_instance(answer.headers());
        if !settled {
            let server = announced(answer.headers());
            let version = self.settle(server)?;
            if answer.status() == StatusCode::BAD_REQUEST && server.is_some_and(|server| server < ApiVersion::MAX) {
                // Refused for its version: the connection is good for one more.
                BodyStream::new(answer.into_body(), lease).collect().await?;
                (answer, lease) = self.replayable(&call, version).await?;
            }
        }
        check(answer, lease).await
    }

    /// Sends a request whose body is a stream.
    pub(super) async fn send_stream(&self, call: Call<'_>, body: RequestBody) -> Result<Answer, Error> {
        let version = self.negotiate().await?;
        let request = self.head(&call, Some(version))?.map(|()| body);
        let (answer, lease) = self.exchange(request).await?;
        check(answer, lease).await
    }

    /// Sends a request that may be sent twice: an idle connection may have been closed by the engine meanwhile.
    async fn replayable(&self, call: &Call<'_>, version: ApiVersion) -> Result<(Response<Incoming>, Lease), Error> {
        loop {
            let request = self.head(call, Some(version))?.map(|()| RequestBody::bytes(call.body.clone()));
            let (mut sender, is_new) = self.inner.pool.take(&self.inner.endpoint).await?;
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok((answer, Lease { sender, pool: self.inner.pool.clone() })),
                Err(mut error) => {
                    // The request is given back only when nothing of it was sent.
                    let unsent = error.take_message().is_some();
                    if is_new || !unsent {
                        return Err(error.into_error().into());
                    }
                }
            }
        }
    }

    async fn exchange(&self, request: Request<RequestBody>) -> Result<(Response<Incoming>, Lease), Error> {
        let (mut sender, _) = self.inner.pool.take(&self.inner.endpoint).await?;
        let answer = sender.send_request(request).await?;
        Ok((answer, Lease { sender, pool: self.inner.pool.clone() }))
    }

    /// The head of a request.
    fn head(&self, call: &Call<'_>, version: Option<ApiVersion>) -> Result<Request<()>, Error> {
        let mut request = Request::builder().method(call.method.clone()).uri(self.target(call, version)).body(())?;
        // What a request needs to be understood wins over what the user wants to be sent with all of them.
        *request.headers_mut() = self.inner.headers.clone();
        for (name, value) in &call.headers {
            request.headers_mut().insert(name, value.clone());
        }
        let authority = HeaderValue::try_from(self.inner.endpoint.authority()).map_err(http::Error::from)?;
        request.headers_mut().insert(HOST, authority);
        request.headers_mut().insert(USER_AGENT, AGENT);
        Ok(request)
    }

    /// Path and query of a request.
    pub(super) fn target(&self, call: &Call<'_>, version: Option<ApiVersion>) -> String {
        let base = self.inner.endpoint.base();
        match version {
            Some(version) => format!("{base}/v{version}{}{}", call.path, call.query),
            None => format!("{base}{}{}", call.path, call.query),
        }
    }

    /// Sends a request and decodes its answer.
    pub(super) async fn fetch<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Error> {
        let path = call.path.to_owned();
        let body = self.send(call).await?.body.collect().await?;
        decode(&body, &path)
    }

    /// Sends a request whose answer has no content of interest.
    pub(super) async fn run(&self, call: Call<'_>) -> Result<StatusCode, Error> {
        let answer = self.send(call).await?;
        answer.body.collect().await?;
        Ok(answer.status)
    }

    /// Sends a request that is answered with a sequence of documents.
    pub(super) async fn documents<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<JsonStream<T>, Error> {
        let path = call.path.to_owned();
        Ok(JsonStream::new(self.send(call).await?.body, path))
    }

    /// `GET` of any route, undecoded: what `inspect` prints.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn get_raw(&self, path: &str, query: &Query) -> Result<Bytes, Error> {
        self.send(Call::new(Method::GET, path, query)).await?.body.collect().await
    }
}

/// The newest version an engine says it serves.
fn announced(headers: &HeaderMap) -> Option<ApiVersion> {
    headers.get("api-version")?.to_str().ok()?.parse().ok()
}

/// Turns an error status into an error.
async fn check(answer: Response<Incoming>, lease: Lease) -> Result<Answer, Error> {
    let (head, incoming) = answer.into_parts();
    let body = BodyStream::new(incoming, lease);
    if head.status.is_success() || head.status == StatusCode::NOT_MODIFIED {
        return Ok(Answer { status: head.status, headers: head.headers, body });
    }
    Err(refusal(head.status, &body.collect().await?))
}

/// The error out of an error body, as Docker's client reads it.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> Error {
    let message = match json::from_slice::<ErrorResponse>(body) {
        Ok(error) if !error.message.is_empty() => error.message,
        _ => {
            let text = String::from_utf8_lossy(body);
            let text = text.trim();
            let reason = status.canonical_reason().unwrap_or_default();
            if text.is_empty() {
                format!("request returned {reason} ({}) without a message", status.as_u16())
            } else {
                text.to_owned()
            }
        }
    };
    Error::Api { status, message: message.trim().to_owned() }
}

/// Decodes an answer.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8], path: &str) -> Result<T, Error> {
    json::from_slice(body).map_err(|source| Error::Decode { path: path.to_owned(), source })
}
