//! Tokens: answering a registry's challenge, and remembering the answer until it expires.

use super::challenge::Challenge;
use super::transport::Endpoint;
use super::{Credentials, Repository, lock};
use crate::error::{Error, first_error};
use base64::Engine as _;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Registries that name no lifetime mean 60 seconds (Docker's token specification).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
/// A token this close to its end is not used any more: the request has to arrive, too.
const SAFETY_MARGIN: Duration = Duration::from_secs(10);

#[derive(PartialEq, Eq, Hash)]
struct Key {
    base: String,
    repository: String,
    credentials: Option<Credentials>,
}

/// What a realm gave.
#[derive(Debug)]
pub(crate) struct Token {
    header: HeaderValue,
    /// Basic authentication does not expire.
    expires: Option<Instant>,
}

/// What registries accepted so far.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<Key, Token>>);

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Tokens {
    /// The header that worked last time, if it still does.
    pub(crate) fn known(
        &self,
        endpoint: &Endpoint,
        repository: &Repository,
        credentials: Option<&Credentials>,
    ) -> Option<HeaderValue> {
        if let Some(Credentials::RegistryToken(token)) = credentials {
            return bearer(token);
        }
        let tokens = lock(&self.0);
        let token = tokens.get(&key(endpoint, repository, credentials))?;
        token.expires.is_none_or(|end| Instant::now() < end).then(|| token.header.clone())
    }

    /// Answers the first challenge that can be answered; `None` when none can.
    pub(crate) async fn answer(
        &self,
        http: &reqwest::Client,
        endpoint: &Endpoint,
        repository: &Repository,
        credentials: Option<&Credentials>,
        challenges: &[Challenge],
    ) -> Result<Option<HeaderValue>, Error> {
        let found = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        let token = match (found("bearer"), found("basic"), credentials) {
            (Some(challenge), _, _) => Some(request_token(http, endpoint, repository, credentials, challenge).await?),
            (None, Some(_), Some(Credentials::Password { username, password })) => {
                basic(username, password).map(|header| Token { header, expires: None })
            }
            _ => None,
        };
        let Some(token) = token else { return Ok(None) };
        let header = token.header.clone();
        let mut tokens = lock(&self.0);
        tokens.retain(|_, token| token.expires.is_none_or(|end| Instant::now() < end));
        tokens.insert(key(endpoint, repository, credentials), token);
        Ok(Some(header))
    }
}

fn key(endpoint: &Endpoint, repository: &Repository, credentials: Option<&Credentials>) -> Key {
    let credentials = credentials.cloned();
    Key { base: endpoint.base.clone(), repository: repository.path.clone(), credentials }
}

fn bearer(token: &str) -> Option<HeaderValue> {
    sensitive(format!("Bearer {token}"))
}

fn basic(username: &str, password: &str) -> Option<HeaderValue> {
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    sensitive(format!("Basic {encoded}"))
}

fn sensitive(value: String) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(value).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// Docker's token flow: ask the realm for a token of the scope.
async fn request_token(
    http: &reqwest::Client,
    endpoint: &Endpoint,
    repository: &Repository,
    credentials: Option<&Credentials>,
    challenge: &Challenge,
) -> Result<Token, Error> {
    let realm = realm(endpoint, challenge)?;
    let parameter = |name: &str| challenge.parameters.get(name).cloned();
    let scope = parameter("scope").or_else(|| default_scope(repository));
    let mut query: Vec<(&str, String)> = Vec::new();
    query.extend(parameter("service").map(|service| ("service", service)));
    query.extend(scope.map(|scope| ("scope", scope)));
    let request = match credentials {
        Some(Credentials::IdentityToken(token)) => {
            query.push(("grant_type", "refresh_token".to_owned()));
            query.push(("client_id", "teu".to_owned()));
            query.push(("refresh_token", token.clone()));
            http.post(realm.clone()).header("content-type", "application/x-www-form-urlencoded").body(form(&query))
        }
        Some(Credentials::Password { username, password }) => {
            query.push(("account", username.clone()));
            http.get(realm.clone()).query(&query).basic_auth(username, Some(password))
        }
        _ => http.get(realm.clone()).query(&query),
    };
    let response = request.send().await.map_err(|error| Error::transport("Get", &error))?;
    read_token(repository, credentials, realm.as_str(), response).await
}

fn form(pairs: &[(&str, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn default_scope(repository: &Repository) -> Option<String> {
    (!repository.path.is_empty()).then(|| format!("repository:{}:pull", repository.path))
}

/// The realm's address. A registry reached over TLS must not lead credentials to an unencrypted one.
pub(crate) fn realm(endpoint: &Endpoint, challenge: &Challenge) -> Result<url::Url, Error> {
    let protocol = |reason: String| Error::Protocol { url: endpoint.base.clone(), reason };
    let text = challenge.parameters.get("realm").ok_or_else(|| protocol("challenge without a realm".to_owned()))?;
    let realm = url::Url::parse(text).map_err(|error| protocol(format!("realm {text}: {error}")))?;
    let secure = realm.scheme() == "https" || (realm.scheme() == "http" && !endpoint.base.starts_with("https:"));
    if secure { Ok(realm) } else { Err(protocol(format!("realm {text} is not encrypted but the registry is"))) }
}

async fn read_token(
    repository: &Repository,
    credentials: Option<&Credentials>,
    realm: &str,
    response: reqwest::Response,
) -> Result<Token, Error> {
    let status = response.status();
    let body = super::limited_body(response).await;
    if !status.is_success() {
        let detail = first_error(&body).1;
        return Err(match (status.as_u16(), credentials) {
            (401 | 403, Some(_)) => Error::Unauthorized { detail },
            (401 | 403, None) => Error::Denied { repository: repository.to_string(), detail },
            (429, _) => Error::TooManyRequests { detail },
            (status, _) => Error::Status { method: "Get", url: realm.to_owned(), status, detail },
        });
    }
    token(realm, &body)
}

/// Reads a realm's answer.
pub(crate) fn token(realm: &str, body: &[u8]) -> Result<Token, Error> {
    let protocol = |reason: String| Error::Protocol { url: realm.to_owned(), reason };
    let answer: TokenAnswer = serde_json::from_slice(body).map_err(|error| protocol(format!("token: {error}")))?;
    let token = if answer.token.is_empty() { &answer.access_token } else { &answer.token };
    if token.is_empty() {
        return Err(protocol("answer without a token".to_owned()));
    }
    let header = bearer(token).ok_or_else(|| protocol("token is no header value".to_owned()))?;
    let lifetime = answer.expires_in.map_or(DEFAULT_LIFETIME, Duration::from_secs).max(DEFAULT_LIFETIME);
    Ok(Token { header, expires: Instant::now().checked_add(lifetime.saturating_sub(SAFETY_MARGIN)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn challenge(realm: &str) -> Challenge {
        let parameters = BTreeMap::from([("realm".to_owned(), realm.to_owned())]);
        Challenge { scheme: "bearer".to_owned(), parameters }
    }

    #[test]
    fn credentials_are_not_led_out_of_tls() {
        let endpoint = Endpoint { base: "https://reg.example".to_owned(), verify: true, mirror: false };
        assert!(realm(&endpoint, &challenge("https://auth.example/token")).is_ok());
        let error = realm(&endpoint, &challenge("http://auth.example/token")).unwrap_err();
        assert!(error.to_string().contains("not encrypted"), "{error}");
    }

    #[test]
    fn secrets_are_not_printed() {
        let credentials = Credentials::Password { username: "u".to_owned(), password: "hunter2".to_owned() };
        assert_eq!(format!("{credentials:?}"), "Password(…)");
    }
}
