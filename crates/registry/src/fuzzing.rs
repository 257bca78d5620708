//! Fuzz targets: answers of registries. See `fuzz/README.md`. Not part of
//! the interface.

use std::hint::black_box;

use crate::client::auth::realm;
use crate::client::transport::Endpoint;
use crate::error::{first_error, without_query};
use crate::{client, parse_challenges};

/// A `WWW-Authenticate` header: a realm that is not encrypted is never followed from a registry that is.
pub fn challenge(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let endpoint = Endpoint { base: "https://registry.example".to_owned(), verify: true, mirror: false };
    for challenge in parse_challenges(&text) {
        assert_eq!(challenge.scheme, challenge.scheme.to_ascii_lowercase());
        if let Ok(url) = realm(&endpoint, &challenge) {
            assert_eq!(url.scheme(), "https");
        }
    }
    assert!(!without_query(&text).contains('?'));
    if let Some(query) = client::tags::link_query(&text) {
        assert!(query.starts_with('?'), "a link leads to another path");
    }
}

/// Bodies of answers: tokens and errors.
pub fn bodies(data: &[u8]) {
    if let Ok(token) = client::auth::token("https://registry.example/token", data) {
        assert!(!format!("{token:?}").contains("Bearer"), "a token must not be printed");
    }
    let (_, text) = first_error(data);
    black_box(text);
}
