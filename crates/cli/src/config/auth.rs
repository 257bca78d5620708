//! Credentials for the registry of an image: `auths`, and credential helpers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, bail};
use base64::Engine as _;
use teu_api::auth::AuthConfig;
use teu_oci::reference::Reference;

use super::file::{self, Auth};
use super::{ConfigFile, helpers};

/// The default registry under the name that Docker keeps its credentials by.
pub(crate) const DEFAULT_INDEX: &str = "https://index.docker.io/v1/";

/// The credentials for the registry that `image` comes from; `None` when there are none.
pub(crate) fn for_image(config: &ConfigFile, image: &Reference) -> anyhow::Result<Option<AuthConfig>> {
    let registry = match image.domain() {
        "docker.io" => DEFAULT_INDEX,
        domain => domain,
    };
    of_registry(config, registry)
}

/// The credentials for a registry; `None` when there are none.
pub(crate) fn of_registry(config: &ConfigFile, registry: &str) -> anyhow::Result<Option<AuthConfig>> {
    if let Some(helper) = helper(config, registry) {
        return helpers::get(helper, registry);
    }
    let found = config.auths.get(registry).or_else(|| {
        let same = |key: &&String| host(key) == host(registry);
        config.auths.iter().find(|(key, _)| same(key)).map(|(_, auth)| auth)
    });
    let found = found.map(|auth| decode(registry, auth)).transpose()?;
    Ok(found
        .filter(|auth| !(auth.username.is_empty() && auth.identity_token.is_empty() && auth.registry_token.is_empty())))
}

/// The credentials for every registry that there are any for.
pub(crate) fn all(config: &ConfigFile) -> anyhow::Result<BTreeMap<String, AuthConfig>> {
    let mut registries: BTreeSet<String> = config.cred_helpers.keys().cloned().collect();
    match config.creds_store.as_str() {
        "" => registries.extend(config.auths.keys().cloned()),
        helper => registries.extend(helpers::list(helper)?),
    }
    let mut found = BTreeMap::new();
    for registry in registries {
        if let Some(credentials) = of_registry(config, &registry)? {
            found.insert(registry, credentials);
        }
    }
    Ok(found)
}

/// Credentials as `config.json` keeps them.
pub(crate) fn entry(credentials: &AuthConfig) -> serde_json::Value {
    let AuthConfig { username, password, identity_token, .. } = credentials;
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    match identity_token.as_str() {
        "" => serde_json::json!({"auth": auth}),
        token => serde_json::json!({"auth": auth, "identitytoken": token}),
    }
}

/// The helper that keeps a registry's credentials.
fn helper<'a>(config: &'a ConfigFile, registry: &str) -> Option<&'a str> {
    let helper = config.cred_helpers.get(registry).unwrap_or(&config.creds_store);
    Some(helper.as_str()).filter(|helper| !helper.is_empty())
}

/// Keeps credentials, with the helper or in the file; answers the file if they are in it, where anybody may read them
/// who can read it.
pub(crate) fn save(
    config: &ConfigFile,
    flag: Option<&str>,
    registry: &str,
    credentials: &AuthConfig,
) -> anyhow::Result<Option<PathBuf>> {
    let entry = match helper(config, registry) {
        Some(helper) => {
            helpers::store(helper, credentials, registry)?;
            // That there is something is in the file all the same.
            serde_json::json!({})
        }
        None => entry(credentials),
    };
    file::change(flag, |config| {
        if let Some(auths) = config.entry("auths").or_insert_with(|| serde_json::json!({})).as_object_mut() {
            auths.insert(registry.to_owned(), entry);
        }
    })?;
    let path = super::directory(flag).map(|directory| directory.join("config.json"));
    Ok(path.filter(|_| helper(config, registry).is_none()))
}

/// Forgets the credentials of a registry, under every name it has.
pub(crate) fn erase(config: &ConfigFile, flag: Option<&str>, registry: &str) -> anyhow::Result<()> {
    file::change(flag, |config| {
        if let Some(auths) = config.get_mut("auths").and_then(serde_json::Value::as_object_mut) {
            auths.retain(|key, _| key != registry && (registry == DEFAULT_INDEX || host(key) != registry));
        }
    })?;
    helper(config, registry).map_or(Ok(()), |helper| helpers::erase(helper, registry))
}

/// The host of a registry's address.
fn host(address: &str) -> &str {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    bare.split('/').next().unwrap_or(bare)
}

pub(crate) fn decode(registry: &str, auth: &Auth) -> anyhow::Result<AuthConfig> {
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
