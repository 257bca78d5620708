//! What can go wrong between us and a registry.

use serde::Deserialize;

/// A failed request to a registry. Messages follow Docker's wording where clients match on it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The repository is not there, or the credentials do not open it (registries do not tell which).
    #[error(
        "pull access denied for {repository}, repository does not exist or may require 'docker login': denied: {detail}"
    )]
    Denied {
        /// Repository as the user knows it.
        repository: String,
        /// The registry's own words.
        detail: String,
    },
    /// User name or password were refused.
    #[error("unauthorized: {detail}")]
    Unauthorized {
        /// The registry's own words.
        detail: String,
    },
    /// There is no such tag or digest.
    #[error("manifest for {reference} not found: manifest unknown: {detail}")]
    ManifestUnknown {
        /// The reference that was asked for.
        reference: String,
        /// The registry's own words.
        detail: String,
    },
    /// The registry does not have the blob that its manifest names.
    #[error("blob {digest} not found in {repository}")]
    BlobUnknown {
        /// Digest of the blob.
        digest: String,
        /// Repository that was asked.
        repository: String,
    },
    /// The registry limits how often we may ask.
    #[error("toomanyrequests: {detail}")]
    TooManyRequests {
        /// The registry's own words.
        detail: String,
    },
    /// The registry wants a user name and a password, and there are none for it.
    #[error("{method} \"{url}\": no basic auth credentials")]
    NoCredentials {
        /// HTTP method.
        method: &'static str,
        /// What was asked.
        url: String,
    },
    /// The registry has no such repository at all.
    #[error("repository {repository} not found: name unknown: {detail}")]
    NameUnknown {
        /// Repository as the user knows it.
        repository: String,
        /// The registry's own words.
        detail: String,
    },
    /// Any other status than expected.
    #[error("{method} \"{url}\": unexpected status {status}: {detail}")]
    Status {
        /// HTTP method.
        method: &'static str,
        /// What was asked.
        url: String,
        /// Status code.
        status: u16,
        /// First error of the body, or its first bytes.
        detail: String,
    },
    /// The registry answered something that is not what the specification says.
    #[error("{url}: {reason}")]
    Protocol {
        /// What was asked.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The content does not match the digest that was asked for.
    #[error("{what}: content is {actual}, expected {expected}")]
    DigestMismatch {
        /// Which manifest or blob.
        what: String,
        /// Digest that was asked for.
        expected: String,
        /// Digest of what came.
        actual: String,
    },
    /// The connection failed or broke.
    #[error("{method} \"{url}\": {reason}")]
    Transport {
        /// HTTP method.
        method: &'static str,
        /// What was asked.
        url: String,
        /// Whole chain of causes.
        reason: String,
    },
    /// Certificates for a registry cannot be used.
    #[error("certificates in {path}: {reason}")]
    Certificates {
        /// File or folder.
        path: String,
        /// What is wrong with them.
        reason: String,
    },
    /// The configuration names something that is no registry address.
    #[error("invalid registry address {address}: {reason}")]
    Address {
        /// As configured.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// Whether the same request may succeed when it is made again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::TooManyRequests { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    pub(crate) fn transport(method: &'static str, error: &reqwest::Error) -> Self {
        let mut url = error.url().map_or_else(|| "registry".to_owned(), |url| without_query(url.as_str()));
        let mut method = method;
        if error.is_connect()
            && let Some(api) = url.find("/v2/")
        {
            // Docker's first question to a registry, whatever it wants of it.
            url.truncate(api + "/v2/".len());
            method = "Get";
        }
        Self::Transport { method, url, reason: reason(error) }
    }
}

/// Query strings of redirected blobs carry signatures: they do not belong in messages.
pub(crate) fn without_query(url: &str) -> String {
    url.split('?').next().unwrap_or(url).to_owned()
}

/// Why a connection failed, in the words that Docker's users know: `dial tcp 127.0.0.1:5000: connect: connection refused`.
fn reason(error: &reqwest::Error) -> String {
    let causes = causes(error);
    let Some(host) = error.url().filter(|_| error.is_connect()).and_then(url::Url::host_str) else { return causes };
    if causes.contains("dns error") {
        return format!("dial tcp: lookup {host}: {}", lookup_reason(&causes));
    }
    let port = error.url().and_then(url::Url::port_or_known_default).unwrap_or_default();
    if error.is_timeout() {
        return format!("dial tcp {host}:{port}: i/o timeout");
    }
    match io_cause(error) {
        // The system's own errors have a number; others, such as those of TLS, say what they are.
        Some(io) if io.raw_os_error().is_some() => {
            format!("dial tcp {host}:{port}: connect: {}", std::io::Error::from(io.kind()))
        }
        _ => causes,
    }
}

/// What the resolver means: it says it in the terms of the DNS library.
fn lookup_reason(causes: &str) -> &str {
    match causes {
        text if text.contains("no records found") || text.contains("NXDomain") => "no such host",
        text if text.contains("no connections available") => "no DNS server can be reached",
        text => text.rsplit(": ").next().unwrap_or(text),
    }
}

fn io_cause(error: &reqwest::Error) -> Option<&std::io::Error> {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return Some(io);
        }
        source = cause.source();
    }
    None
}

/// The innermost causes say what happened ("connection refused"); the outermost only that something did.
fn causes(error: &reqwest::Error) -> String {
    let mut reasons = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        if !reasons.iter().any(|known: &String| known.contains(&text)) {
            reasons.push(text);
        }
        source = cause.source();
    }
    if reasons.is_empty() { error.to_string() } else { reasons.join(": ") }
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    errors: Vec<ErrorItem>,
}

#[derive(Deserialize)]
struct ErrorItem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The first error of a registry's JSON error body as `(code, text)`, or the start of the body.
pub(crate) fn first_error(body: &[u8]) -> (String, String) {
    let parsed: Option<ErrorBody> = serde_json::from_slice(body).ok();
    if let Some(item) = parsed.and_then(|body| body.errors.into_iter().next()) {
        let text = if item.message.is_empty() { item.code.to_lowercase() } else { item.message };
        return (item.code, text);
    }
    let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
    (String::new(), text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_of_a_body_is_told() {
        let body = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}}]}"#;
        assert_eq!(first_error(body), ("MANIFEST_UNKNOWN".to_owned(), "manifest unknown".to_owned()));
        assert_eq!(first_error(b"<html>no</html>").1, "<html>no</html>");
        assert_eq!(first_error(br#"{"errors":[{"code":"DENIED"}]}"#).1, "denied");
    }

    #[test]
    fn lookups_fail_in_plain_words() {
        let missing = "dns error: no records found for Query { name: Name(\"x.invalid.\") }";
        assert_eq!(lookup_reason(missing), "no such host");
        assert_eq!(lookup_reason("dns error: no connections available"), "no DNS server can be reached");
        assert_eq!(lookup_reason("dns error: request timed out"), "request timed out");
    }

    #[test]
    fn signatures_are_kept_out_of_messages() {
        assert_eq!(without_query("https://cdn.example/blob?X-Sig=secret"), "https://cdn.example/blob");
    }
}
