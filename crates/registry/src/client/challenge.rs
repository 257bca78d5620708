//! `WWW-Authenticate` headers: what a registry wants before it answers (RFC 9110 section 11.6.1).

use std::collections::BTreeMap;

/// One authentication scheme that a registry offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Lower-case scheme: `bearer`, `basic`.
    pub scheme: String,
    /// Parameters with lower-case names: `realm`, `service`, `scope`, `error`.
    pub parameters: BTreeMap<String, String>,
}

/// Parses the value of a `WWW-Authenticate` header. What is malformed ends the list.
#[must_use]
pub fn parse_challenges(header: &str) -> Vec<Challenge> {
    let mut rest = header.trim_start();
    let mut challenges: Vec<Challenge> = Vec::new();
    while let Some((name, after)) = token(rest) {
        let after = after.trim_start();
        let value = match (after.strip_prefix('='), challenges.last_mut()) {
            (Some(value), Some(challenge)) => parameter_value(value).map(|(value, after)| {
                challenge.parameters.insert(name.to_ascii_lowercase(), value);
                after
            }),
            (Some(_), None) => None,
            (None, _) => {
                challenges.push(Challenge { scheme: name.to_ascii_lowercase(), parameters: BTreeMap::new() });
                Some(after)
            }
        };
        let Some(after) = value else { break };
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    challenges
}

/// A token of RFC 9110 section 5.6.2 and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A token or quoted string, and what follows it.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        return token(text).map(|(value, rest)| (value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(challenge: &Challenge) -> Vec<(&str, &str)> {
        challenge.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn a_bearer_challenge() {
        let header = r#"Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull,push""#;
        let challenges = parse_challenges(header);
        assert_eq!(challenges.len(), 1);
        assert_eq!(challenges[0].scheme, "bearer");
        let expected =
            [("realm", "https://auth.example/token"), ("scope", "repository:a/b:pull,push"), ("service", "registry")];
        assert_eq!(parameters(&challenges[0]), expected);
    }

    #[test]
    fn several_challenges_and_escapes() {
        let challenges = parse_challenges(r#"Basic realm="a \"b\"", Bearer realm=x , error="invalid_token""#);
        assert_eq!(challenges.len(), 2);
        assert_eq!(parameters(&challenges[0]), [("realm", "a \"b\"")]);
        assert_eq!(parameters(&challenges[1]), [("error", "invalid_token"), ("realm", "x")]);
    }

    #[test]
    fn malformed_input_ends_the_list() {
        assert!(parse_challenges("").is_empty());
        assert!(parse_challenges("=x").is_empty());
        assert_eq!(parse_challenges(r#"Bearer realm="unterminated"#)[0].parameters.len(), 0);
        assert_eq!(parse_challenges(r#"Bearer realm="x\"#)[0].parameters.len(), 0);
    }
}
