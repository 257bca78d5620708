//! Image references with Docker's normalisation: `busybox` is `docker.io/library/busybox`.
//!
//! The grammar and the error texts are those of `distribution/reference`, on which every Docker client relies:
//!
//! ```text
//! reference      := name [ ":" tag ] [ "@" digest ]
//! name           := [ domain "/" ] path-component { "/" path-component }
//! domain         := host [ ":" port ]        host := domain-name | "[" IPv6 "]"
//! path-component := [a-z0-9]+ { ( "." | "_" | "__" | "-"+ ) [a-z0-9]+ }
//! tag            := [A-Za-z0-9_] [A-Za-z0-9_.-]{0,127}
//! ```

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::digest::Digest;
use crate::id;

/// The registry a name without domain is in.
pub const DEFAULT_DOMAIN: &str = "docker.io";
/// The domain Docker used to write for it.
const LEGACY_DEFAULT_DOMAIN: &str = "index.docker.io";
/// The name space of a name without one, in the default registry.
const OFFICIAL_PREFIX: &str = "library/";
/// The tag that stands for none.
pub const DEFAULT_TAG: &str = "latest";
/// Longest path of a repository.
const MAX_PATH_LEN: usize = 255;
/// Longest tag.
const MAX_TAG_LEN: usize = 128;

/// A normalised image reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is no reference. The texts are Docker's.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseReferenceError {
    /// It does not follow the grammar.
    #[error("invalid reference format")]
    Format,
    /// The repository has upper-case letters.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    /// It could be taken for an image id.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    LooksLikeId(String),
    /// The repository's path is longer than 255 characters.
    #[error("repository name must not be more than 255 characters")]
    TooLong,
}

impl Reference {
    /// Parses and normalises a reference.
    ///
    /// # Errors
    /// See [`ParseReferenceError`].
    pub fn parse(text: &str) -> Result<Self, ParseReferenceError> {
        if id::is_full(text) {
            return Err(ParseReferenceError::LooksLikeId(text.to_owned()));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| ParseReferenceError::Format)?)),
            None => (text, None),
        };
        let (domain, remainder) = split_domain(rest);
        let (path, tag) = match remainder.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (remainder, None),
        };
        if path.chars().any(char::is_uppercase) {
            let official = if domain == DEFAULT_DOMAIN && !path.contains('/') { OFFICIAL_PREFIX } else { "" };
            return Err(ParseReferenceError::Uppercase(format!("{official}{path}")));
        }
        if !valid_domain(domain) || !path.split('/').all(valid_path_component) || !tag.is_none_or(valid_tag) {
            return Err(ParseReferenceError::Format);
        }
        let official = domain == DEFAULT_DOMAIN && !path.contains('/');
        let path = if official { format!("{OFFICIAL_PREFIX}{path}") } else { path.to_owned() };
        if path.len() > MAX_PATH_LEN {
            return Err(ParseReferenceError::TooLong);
        }
        Ok(Self { domain: domain.to_owned(), path, tag: tag.map(str::to_owned), digest })
    }

    /// The registry's host, with port if one was given: `docker.io`, `localhost:5000`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository within the registry: `library/busybox`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Domain and path: `docker.io/library/busybox`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The tag, if one was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The manifest digest, if one was given.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same with the tag `latest` if there is neither tag nor digest.
    #[must_use]
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The same repository with this tag and no digest.
    ///
    /// # Errors
    /// [`ParseReferenceError::Format`] if `tag` is none.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ParseReferenceError> {
        if !valid_tag(tag) {
            return Err(ParseReferenceError::Format);
        }
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// The same repository with this digest and no tag: what `RepoDigests` lists.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The repository as people write it: `busybox`, `user/app`, `quay.io/a/b`.
    pub fn familiar_name(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.repository();
        }
        match self.path.strip_prefix(OFFICIAL_PREFIX) {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// The whole reference as people write it: `busybox:latest`, `busybox@sha256:…`.
    pub fn familiar(&self) -> String {
        self.format(self.familiar_name())
    }

    fn format(&self, mut name: String) -> String {
        if let Some(tag) = &self.tag {
            name.push(':');
            name.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            name.push('@');
            name.push_str(&digest.to_string());
        }
        name
    }
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The normalised form, with domain.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format(self.repository()))
    }
}

/// Splits the registry off: the first component is one if it has a dot, colon or upper-case letter, or is `localhost`.
fn split_domain(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':']) || first == "localhost" || first.chars().any(char::is_uppercase) =>
        {
            (if first == LEGACY_DEFAULT_DOMAIN { DEFAULT_DOMAIN } else { first }, rest)
        }
        _ => (DEFAULT_DOMAIN, name),
    }
}

fn valid_domain(domain: &str) -> bool {
    let (host, port) = match domain.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => return address.parse::<Ipv6Addr>().is_ok(),
            Some((address, port)) => {
                return address.parse::<Ipv6Addr>().is_ok() && port.strip_prefix(':').is_some_and(valid_port);
            }
            None => return false,
        },
        None => match domain.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (domain, None),
        },
    };
    let valid_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(valid_label) && port.is_none_or(valid_port)
}

fn valid_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

fn valid_path_component(component: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    if !alphanumeric(*first) || !alphanumeric(*last) {
        return false;
    }
    bytes.split(|b| alphanumeric(*b)).all(|separator| match separator {
        [] | [b'.'] | [b'_'] | [b'_', b'_'] => true,
        dashes => dashes.iter().all(|b| *b == b'-'),
    })
}

fn valid_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= MAX_TAG_LEN
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        Reference::parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).to_string()
    }

    #[test]
    fn normalisation() {
        for (text, expected) in [
            ("busybox", "docker.io/library/busybox"),
            ("busybox:1.36", "docker.io/library/busybox:1.36"),
            ("user/app", "docker.io/user/app"),
            ("index.docker.io/busybox", "docker.io/library/busybox"),
            ("docker.io/busybox", "docker.io/library/busybox"),
            ("localhost/app", "localhost/app"),
            ("localhost:5000/app:v1", "localhost:5000/app:v1"),
            ("app:5000", "docker.io/library/app:5000"),
            ("quay.io/a/b/c", "quay.io/a/b/c"),
            ("HOST/app", "HOST/app"),
            ("[::1]:5000/app", "[::1]:5000/app"),
            ("a__b/c--d/e.f_g", "docker.io/a__b/c--d/e.f_g"),
        ] {
            assert_eq!(normal(text), expected);
            assert_eq!(normal(expected), expected, "normal form is stable");
        }
    }

    #[test]
    fn familiar_form() {
        let digest = Digest::of(b"");
        for (text, expected) in [
            ("docker.io/library/busybox:1", "busybox:1".to_owned()),
            ("docker.io/user/app", "user/app".to_owned()),
            ("quay.io/library/x", "quay.io/library/x".to_owned()),
            (&format!("busybox@{digest}"), format!("busybox@{digest}")),
            (&format!("busybox:1@{digest}"), format!("busybox:1@{digest}")),
        ] {
            assert_eq!(Reference::parse(text).unwrap().familiar(), expected);
        }
    }

    #[test]
    fn default_tag_only_where_nothing_is_said() {
        assert_eq!(Reference::parse("a").unwrap().with_default_tag().familiar(), "a:latest");
        assert_eq!(Reference::parse("a:b").unwrap().with_default_tag().familiar(), "a:b");
        let pinned = Reference::parse("a").unwrap().with_digest(Digest::of(b""));
        assert_eq!(pinned.clone().with_default_tag(), pinned);
    }

    #[test]
    fn refused() {
        let long = "a".repeat(256);
        for (text, message) in [
            ("", "invalid reference format"),
            ("a b", "invalid reference format"),
            ("-a", "invalid reference format"),
            ("a-", "invalid reference format"),
            ("a..b", "invalid reference format"),
            ("a___b", "invalid reference format"),
            ("a//b", "invalid reference format"),
            ("a:", "invalid reference format"),
            ("a:.b", "invalid reference format"),
            ("a@sha256:12", "invalid reference format"),
            ("../a", "invalid reference format"),
            ("host:port/a", "invalid reference format"),
            ("[::1/a", "invalid reference format"),
            ("Busybox", "invalid reference format: repository name (library/Busybox) must be lowercase"),
            ("quay.io/A", "invalid reference format: repository name (A) must be lowercase"),
            (&long, "repository name must not be more than 255 characters"),
        ] {
            assert_eq!(Reference::parse(text).unwrap_err().to_string(), message, "{text:?}");
        }
        assert!(matches!(Reference::parse(&"a".repeat(64)), Err(ParseReferenceError::LooksLikeId(_))));
        assert!(Reference::parse(&format!("a:{}", "b".repeat(129))).is_err());
    }
}
