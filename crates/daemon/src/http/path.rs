//! Paths of requests: the version in front, and names with slashes inside.

use teu_api::version::ApiVersion;

use super::error::ApiError;

/// Takes the version off the front of a path. Without one, the newest is meant.
pub(super) fn split_version(path: &str) -> Result<(ApiVersion, &str), ApiError> {
    let Some(rest) = path.strip_prefix("/v") else { return Ok((ApiVersion::MAX, path)) };
    let end = rest.find('/').unwrap_or(rest.len());
    let (text, rest) = rest.split_at(end);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Ok((ApiVersion::MAX, path));
    }
    let version: ApiVersion = text.parse().map_err(ApiError::bad_request)?;
    if version < ApiVersion::MIN {
        return Err(ApiError::bad_request(format!(
            "client version {version} is too old. Minimum supported API version is {}, \
             please upgrade your client to a newer version",
            ApiVersion::MIN
        )));
    }
    if version > ApiVersion::MAX {
        return Err(ApiError::bad_request(format!(
            "client version {version} is too new. Maximum supported API version is {}",
            ApiVersion::MAX
        )));
    }
    Ok((version, if rest.is_empty() { "/" } else { rest }))
}

/// Nouns whose names may contain slashes, and the words that may follow such a name.
const SLASHED: &[(&str, &[&str])] = &[
    ("/images/", &["json", "history", "push", "tag", "get", "attestations"]),
    ("/distribution/", &["json"]),
    ("/plugins/", &["json", "enable", "disable", "upgrade", "push", "set"]),
    // `container/alias` is the container that the link with this alias leads to.
    (CONTAINERS, &["json", "top", "logs", "stats", "start", "stop", "restart", "kill", "pause", "unpause", "wait"]),
];

const CONTAINERS: &str = "/containers/";

/// Encodes the slashes of a name, so that it is one segment for the router: `/images/library/busybox/json` becomes
/// `/images/library%2Fbusybox/json`. `whole` says that no word follows the name, as with `DELETE`.
pub(super) fn fold_name(path: &str, whole: bool) -> Option<String> {
    let (prefix, words) = SLASHED.iter().find(|(prefix, _)| path.starts_with(prefix))?;
    let rest = &path[prefix.len()..];
    let (name, word) = match rest.rsplit_once('/') {
        Some((name, word)) if !whole && words.contains(&word) => (name, Some(word)),
        _ if !whole && *prefix == CONTAINERS => return None,
        _ => (rest, None),
    };
    if !name.contains('/') {
        return None;
    }
    let name = name.replace('/', "%2F");
    Some(match word {
        Some(word) => format!("{prefix}{name}/{word}"),
        None => format!("{prefix}{name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_taken_off() {
        let split = |path| split_version(path).map(|(version, rest)| (version.to_string(), rest.to_owned()));
        let ok = |version: &str, rest: &str| (version.to_owned(), rest.to_owned());
        assert_eq!(split("/v1.45/info").unwrap(), ok("1.45", "/info"));
        assert_eq!(split("/info").unwrap(), ok("1.56", "/info"));
        assert_eq!(split("/volumes").unwrap(), ok("1.56", "/volumes"));
        assert_eq!(split("/version").unwrap(), ok("1.56", "/version"));
        assert_eq!(split("/v1.24").unwrap(), ok("1.24", "/"));
        for refused in ["/v1.23/info", "/v1.57/info", "/v2/info", "/v1.2.3/info", "/v1.99999999/info"] {
            assert!(split(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn names_with_slashes_become_one_segment() {
        let fold = |path| fold_name(path, false);
        assert_eq!(fold("/images/a/b:1/json").as_deref(), Some("/images/a%2Fb:1/json"));
        assert_eq!(fold("/images/h:5/a/b/push").as_deref(), Some("/images/h:5%2Fa%2Fb/push"));
        assert_eq!(fold("/images/busybox/json"), None);
        assert_eq!(fold("/images/json"), None);
        assert_eq!(fold("/containers/a/b/json").as_deref(), Some("/containers/a%2Fb/json"));
        assert_eq!(fold("/containers/a/attach/ws"), None);
        assert_eq!(fold("/containers/a/json"), None);
        assert_eq!(fold_name("/containers/a/b", true).as_deref(), Some("/containers/a%2Fb"));
        assert_eq!(fold_name("/containers/a", true), None);
        assert_eq!(fold_name("/images/a/json", true).as_deref(), Some("/images/a%2Fjson"));
    }
}
