//! The client: one per engine, shared by all pulls.

pub(crate) mod auth;
pub(crate) mod blob;
pub(crate) mod challenge;
pub(crate) mod manifest;
pub(crate) mod tags;
pub(crate) mod transport;

use crate::error::{Error, first_error, without_query};
use auth::Tokens;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use transport::{Endpoint, RegistryConfig};

/// Bytes of an error body that are read; a registry's error is a few hundred.
const ERROR_BODY_LIMIT: usize = 16 * 1024;

/// How a user proves who he is to a registry.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// User name and password, or user name and access token.
    Password {
        /// User name.
        username: String,
        /// Password or access token.
        password: String,
    },
    /// A refresh token from an earlier login (`identitytoken`).
    IdentityToken(String),
    /// A bearer token to send as it is (`registrytoken`).
    RegistryToken(String),
}

impl fmt::Debug for Credentials {
    /// Secrets stay out of logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Password { .. } => "Password",
            Self::IdentityToken(_) => "IdentityToken",
            Self::RegistryToken(_) => "RegistryToken",
        };
        write!(formatter, "{kind}(…)")
    }
}

/// A repository at a registry: `docker.io` and `library/busybox`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Repository {
    /// Registry's domain with an optional port.
    pub domain: String,
    /// Path of the repository.
    pub path: String,
}

impl fmt::Display for Repository {
    /// As users type it: the default registry and its `library/` are left out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.domain.as_str(), self.path.strip_prefix("library/")) {
            ("docker.io", Some(name)) => formatter.write_str(name),
            ("docker.io", None) => formatter.write_str(&self.path),
            (domain, _) => write!(formatter, "{domain}/{}", self.path),
        }
    }
}

/// A client for all registries. Cheap to clone; connections and tokens are shared.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    config: RegistryConfig,
    /// HTTP clients by endpoint: each has its own certificates and connections.
    http: Mutex<HashMap<String, reqwest::Client>>,
    /// The endpoint that answered last, by domain: the one to ask first.
    chosen: Mutex<HashMap<String, String>>,
    tokens: Tokens,
}

/// A request that can be made again, at another endpoint or with a token.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) repository: &'a Repository,
    pub(crate) credentials: Option<&'a Credentials>,
    /// Behind `/v2/<path>/`.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
}

impl Client {
    /// A client with the daemon's configuration. Nothing is contacted yet.
    #[must_use]
    pub fn new(config: RegistryConfig) -> Self {
        let shared = Shared { config, http: Mutex::default(), chosen: Mutex::default(), tokens: Tokens::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Tries the credentials, as `login` does.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when the registry refuses them; any transport error.
    pub async fn check_login(&self, domain: &str, credentials: &Credentials) -> Result<(), Error> {
        let repository = Repository { domain: domain.to_owned(), path: String::new() };
        let request = Request {
            method: Method::GET,
            repository: &repository,
            credentials: Some(credentials),
            path: String::new(),
            headers: HeaderMap::new(),
        };
        match self.send(&request).await {
            Ok(_) => Ok(()),
            Err(Error::Denied { detail, .. }) => Err(Error::Unauthorized { detail }),
            Err(error) => Err(error),
        }
    }

    /// Sends to the first endpoint that answers; statuses other than success become errors.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Response, Error> {
        let mut last = None;
        for endpoint in self.ordered_endpoints(&request.repository.domain) {
            match self.send_to(&endpoint, request).await {
                Ok(response) => {
                    self.remember(&request.repository.domain, &endpoint);
                    return Ok(response);
                }
                // A mirror may lack anything; a registry that does not speak TLS fails to connect.
                Err(error) if endpoint.mirror || matches!(error, Error::Transport { .. }) => {
                    tracing::debug!(endpoint = endpoint.base, %error, "registry endpoint does not serve the request");
                    last = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::Address {
            address: request.repository.domain.clone(),
            reason: "no address to ask".to_owned(),
        }))
    }

    fn ordered_endpoints(&self, domain: &str) -> Vec<Endpoint> {
        let mut endpoints = transport::endpoints(&self.shared.config, domain);
        let chosen = lock(&self.shared.chosen);
        if let Some(at) = chosen.get(domain).and_then(|base| endpoints.iter().position(|e| e.base == *base)) {
            endpoints[..=at].rotate_right(1);
        }
        endpoints
    }

    fn remember(&self, domain: &str, endpoint: &Endpoint) {
        if !endpoint.mirror {
            lock(&self.shared.chosen).insert(domain.to_owned(), endpoint.base.clone());
        }
    }

    async fn send_to(&self, endpoint: &Endpoint, request: &Request<'_>) -> Result<Response, Error> {
        let http = self.http(endpoint)?;
        let credentials = request.credentials.filter(|_| !endpoint.mirror);
        let tokens = &self.shared.tokens;
        let known = tokens.known(endpoint, request.repository, credentials);
        let response = self.attempt(&http, endpoint, request, known).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return accept(request, response).await;
        }
        let offered: Vec<_> = response.headers().get_all(WWW_AUTHENTICATE).iter().cloned().collect();
        let challenges: Vec<_> =
            offered.iter().filter_map(|value| value.to_str().ok()).flat_map(challenge::parse_challenges).collect();
        let Some(header) = tokens.answer(&http, endpoint, request.repository, credentials, &challenges).await? else {
            if credentials.is_none() && challenges.iter().any(|challenge| challenge.scheme == "basic") {
                let url = without_query(response.url().as_str());
                return Err(Error::NoCredentials { method: method_name(&request.method), url });
            }
            return accept(request, response).await;
        };
        accept(request, self.attempt(&http, endpoint, request, Some(header)).await?).await
    }

    async fn attempt(
        &self,
        http: &reqwest::Client,
        endpoint: &Endpoint,
        request: &Request<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<Response, Error> {
        let url = match request.repository.path.as_str() {
            "" => format!("{}/v2/{}", endpoint.base, request.path),
            path => format!("{}/v2/{path}/{}", endpoint.base, request.path),
        };
        let mut builder = http.request(request.method.clone(), url).headers(request.headers.clone());
        if let Some(value) = authorization {
            builder = builder.header(AUTHORIZATION, value);
        }
        builder.send().await.map_err(|error| Error::transport(method_name(&request.method), &error))
    }

    fn http(&self, endpoint: &Endpoint) -> Result<reqwest::Client, Error> {
        let mut clients = lock(&self.shared.http);
        if let Some(client) = clients.get(&endpoint.base) {
            return Ok(client.clone());
        }
        let client = transport::http_client(&self.shared.config, endpoint)?;
        clients.insert(endpoint.base.clone(), client.clone());
        Ok(client)
    }
}

/// A panicking holder cannot leave these maps half-written.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A method as Go's errors, and so Docker's, write it.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "Get",
        Method::HEAD => "Head",
        Method::POST => "Post",
        _ => "Request",
    }
}

/// Success as it is; everything else as the error that it means.
async fn accept(request: &Request<'_>, response: Response) -> Result<Response, Error> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let url = without_query(response.url().as_str());
    let body = limited_body(response).await;
    let (code, detail) = first_error(&body);
    let repository = request.repository.to_string();
    Err(match (status, code.as_str()) {
        (StatusCode::TOO_MANY_REQUESTS, _) => Error::TooManyRequests { detail },
        (_, "NAME_UNKNOWN") if is_listing(&request.path) => Error::NameUnknown { repository, detail },
        (_, "NAME_UNKNOWN" | "DENIED") | (StatusCode::FORBIDDEN, _) => Error::Denied { repository, detail },
        (StatusCode::UNAUTHORIZED, _) if request.credentials.is_some() => Error::Unauthorized { detail },
        (StatusCode::UNAUTHORIZED, _) => Error::Denied { repository, detail },
        _ => Error::Status { method: method_name(&request.method), url, status: status.as_u16(), detail },
    })
}

/// Whether a path asks for a repository's tags: only then is an unknown name not to be mixed up with a forbidden one.
fn is_listing(path: &str) -> bool {
    path.starts_with("tags/list")
}

/// A whole body, which must not be longer than `limit`.
async fn bounded(mut response: Response, limit: usize, what: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Error::transport("Get", &error))? {
        if bytes.len() + chunk.len() > limit {
            let url = without_query(response.url().as_str());
            return Err(Error::Protocol { url, reason: format!("{what} is larger than {limit} bytes") });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What can be read of the body of an error.
async fn limited_body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ERROR_BODY_LIMIT - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ERROR_BODY_LIMIT {
            break;
        }
    }
    body
}
