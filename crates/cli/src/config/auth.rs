//! Credentials for the registry of an image: `auths`, and credential helpers.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use base64::Engine as _;
use serde::Deserialize;
use teu_api::auth::AuthConfig;
use teu_oci::reference::Reference;

use super::ConfigFile;
use super::file::Auth;

/// The default registry under the name that Docker keeps its credentials by.
const DEFAULT_INDEX: &str = "https://index.docker.io/v1/";
/// What a credential helper says for a registry it does not know.
const NOT_FOUND: &str = "credentials not found";

/// The credentials for the registry that `image` comes from; `None` when there are none.
pub(crate) fn for_image(config: &ConfigFile, image: &Reference) -> anyhow::Result<Option<AuthConfig>> {
    let registry = match image.domain() {
        "docker.io" => DEFAULT_INDEX,
        domain => domain,
    };
    let helper = config.cred_helpers.get(registry).or(Some(&config.creds_store)).filter(|helper| !helper.is_empty());
    if let Some(helper) = helper {
        return ask(helper, registry);
    }
    let found = config.auths.get(registry).or_else(|| {
        let same = |key: &&String| host(key) == host(registry);
        config.auths.iter().find(|(key, _)| same(key)).map(|(_, auth)| auth)
    });
    found.map(|auth| decode(registry, auth)).transpose()
}

/// The host of a registry's address.
fn host(address: &str) -> &str {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    bare.split('/').next().unwrap_or(bare)
}

fn decode(registry: &str, auth: &Auth) -> anyhow::Result<AuthConfig> {
    let mut credentials = AuthConfig {
        username: auth.username.clone(),
        password: auth.password.clone(),
        server_address: registry.to_owned(),
        identity_token: auth.identity_token.clone(),
        registry_token: auth.registry_token.clone(),
        ..AuthConfig::default()
    };
    if !auth.auth.is_empty() {
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(&auth.auth)
            .with_context(|| format!("credentials of {registry} in config.json"))?;
        let text = String::from_utf8_lossy(&bytes);
        let Some((user, password)) = text.split_once(':') else {
            bail!("credentials of {registry} in config.json: invalid auth configuration");
        };
        credentials.username = user.to_owned();
        credentials.password = password.trim_end_matches('\0').to_owned();
    }
    Ok(credentials)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// Asks `docker-credential-<helper>`: the registry on its standard input, JSON on its standard output.
fn ask(helper: &str, registry: &str) -> anyhow::Result<Option<AuthConfig>> {
    let program = format!("docker-credential-{helper}");
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("error getting credentials: cannot run {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(registry.as_bytes()).with_context(|| program.clone())?;
    }
    let output = child.wait_with_output().with_context(|| program.clone())?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        if text.to_ascii_lowercase().contains(NOT_FOUND) {
            return Ok(None);
        }
        bail!("error getting credentials: {program}: {}", text.trim());
    }
    let answer: Answer = serde_json::from_str(&text).with_context(|| format!("answer of {program}"))?;
    let mut credentials = AuthConfig { server_address: registry.to_owned(), ..AuthConfig::default() };
    // The helpers' way to say that the secret is a token.
    if answer.username == "<token>" {
        credentials.identity_token = answer.secret;
    } else {
        credentials.username = answer.username;
        credentials.password = answer.secret;
    }
    Ok(Some(credentials))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(auths: &str, image: &str) -> Option<(String, String)> {
        let config: ConfigFile = serde_json::from_str(&format!(r#"{{"auths":{auths}}}"#)).unwrap();
        let found = for_image(&config, &Reference::parse(image).unwrap()).unwrap();
        found.map(|auth| (auth.username, auth.password))
    }

    #[test]
    fn credentials_by_registry() {
        let me = Some(("me".to_owned(), "p:w".to_owned()));
        let auth = r#"{"auth":"bWU6cDp3"}"#;
        assert_eq!(lookup(&format!(r#"{{"https://index.docker.io/v1/":{auth}}}"#), "busybox"), me);
        assert_eq!(lookup(&format!(r#"{{"r.example:5000":{auth}}}"#), "r.example:5000/a/b:c"), me);
        assert_eq!(lookup(&format!(r#"{{"https://r.example/v1/":{auth}}}"#), "r.example/a"), me);
        assert_eq!(lookup(&format!(r#"{{"r.example":{auth}}}"#), "other.example/a"), None);
    }
}
