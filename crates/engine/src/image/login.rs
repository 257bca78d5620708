//! `login`: whether a registry accepts credentials.

use teu_api::auth::{AuthConfig, AuthResponse};
use teu_registry::Error as RegistryError;

use super::pull::credentials;
use crate::{Engine, Error};

/// The default registry, under all names that clients give it.
const DEFAULT_REGISTRY: [&str; 4] = ["", "docker.io", "index.docker.io", "registry-1.docker.io"];

impl Engine {
    /// Tries credentials with the registry they are for.
    ///
    /// # Errors
    /// The registry refuses them or cannot be reached; there are none.
    pub async fn registry_login(&self, auth: AuthConfig) -> Result<AuthResponse, Error> {
        let domain = domain(&auth.server_address).to_owned();
        let credentials = credentials(auth).ok_or_else(|| Error::Invalid("no credentials given".to_owned()))?;
        match self.registry().check_login(&domain, &credentials).await {
            Ok(()) => Ok(AuthResponse { status: "Login Succeeded".to_owned(), identity_token: String::new() }),
            Err(error @ RegistryError::Unauthorized { .. }) => Err(Error::Unauthorized(error.to_string())),
            Err(error) => Err(Error::Unavailable(crate::backend::chain(&error))),
        }
    }
}

/// The domain in an address such as `https://index.docker.io/v1/`.
fn domain(address: &str) -> &str {
    let address = address.strip_prefix("https://").or(address.strip_prefix("http://")).unwrap_or(address);
    let domain = address.split('/').next().unwrap_or_default();
    if DEFAULT_REGISTRY.contains(&domain) { teu_oci::reference::DEFAULT_DOMAIN } else { domain }
}

#[cfg(test)]
mod tests {
    use super::domain;

    #[test]
    fn addresses_name_a_domain() {
        for (address, expected) in [
            ("https://index.docker.io/v1/", "docker.io"),
            ("", "docker.io"),
            ("localhost:5000", "localhost:5000"),
            ("http://registry.example/v2/", "registry.example"),
        ] {
            assert_eq!(domain(address), expected, "{address}");
        }
    }
}
