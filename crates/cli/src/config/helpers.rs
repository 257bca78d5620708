//! Credential helpers: programs named `docker-credential-<name>` that keep secrets, asked by way of their standard streams.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize};
use teu_api::auth::AuthConfig;

/// What a credential helper says for a registry it does not know.
const NOT_FOUND: &str = "credentials not found";
/// The user name that says that the secret is a token.
const TOKEN: &str = "<token>";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    #[serde(default, rename = "ServerURL")]
    server: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// Asks for the credentials of a registry.
pub(super) fn get(helper: &str, registry: &str) -> anyhow::Result<Option<AuthConfig>> {
    let (ok, text) = run(helper, "get", registry.as_bytes())
        .map_err(|error| anyhow!("error getting credentials - err: {error:#}, out: ``"))?;
    if !ok {
        if text.to_ascii_lowercase().contains(NOT_FOUND) {
            return Ok(None);
        }
        bail!("error getting credentials - err: exit status 1, out: `{}`", text.trim());
    }
    let answer: Credentials =
        serde_json::from_str(&text).with_context(|| format!("answer of docker-credential-{helper}"))?;
    let mut credentials = AuthConfig { server_address: registry.to_owned(), ..AuthConfig::default() };
    if answer.username == TOKEN {
        credentials.identity_token = answer.secret;
    } else {
        credentials.username = answer.username;
        credentials.password = answer.secret;
    }
    Ok(Some(credentials))
}

/// Asks for the registries whose credentials there are.
pub(super) fn list(helper: &str) -> anyhow::Result<Vec<String>> {
    let failed = |reason: String, out: &str| anyhow!("error listing credentials - err: {reason}, out: `{out}`");
    let (ok, text) = run(helper, "list", b"unused").map_err(|error| failed(format!("{error:#}"), ""))?;
    if !ok {
        return Err(failed("exit status 1".to_owned(), text.trim()));
    }
    let answer: BTreeMap<String, String> =
        serde_json::from_str(&text).with_context(|| format!("answer of docker-credential-{helper}"))?;
    Ok(answer.into_keys().collect())
}

/// Hands credentials over.
pub(super) fn store(helper: &str, credentials: &AuthConfig, registry: &str) -> anyhow::Result<()> {
    let (username, secret) = match credentials.identity_token.as_str() {
        "" => (credentials.username.clone(), credentials.password.clone()),
        token => (TOKEN.to_owned(), token.to_owned()),
    };
    let handed = serde_json::to_vec(&Credentials { server: registry.to_owned(), username, secret })?;
    let failed = |reason: String, out: &str| anyhow!("error storing credentials - err: {reason}, out: `{out}`");
    let (ok, text) = run(helper, "store", &handed).map_err(|error| failed(format!("{error:#}"), ""))?;
    if ok { Ok(()) } else { Err(failed("exit status 1".to_owned(), text.trim())) }
}

/// Has the credentials of a registry forgotten. That there are none is no failure.
pub(super) fn erase(helper: &str, registry: &str) -> anyhow::Result<()> {
    let (ok, text) = run(helper, "erase", registry.as_bytes())?;
    if ok || text.to_ascii_lowercase().contains(NOT_FOUND) {
        return Ok(());
    }
    bail!("error erasing credentials - err: exit status 1, out: `{}`", text.trim())
}

/// Whether the helper succeeded, and what it said.
fn run(helper: &str, verb: &str, input: &[u8]) -> anyhow::Result<(bool, String)> {
    let program = format!("docker-credential-{helper}");
    let spawned =
        Command::new(&program).arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
    let mut child = spawned.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => anyhow!("exec: {program:?}: executable file not found in $PATH"),
        _ => crate::error::go_io("exec", &program, &error),
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read all of it says why.
        drop(stdin.write_all(input));
    }
    let output = child.wait_with_output().with_context(|| program.clone())?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}
