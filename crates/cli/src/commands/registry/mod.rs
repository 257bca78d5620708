//! Commands about registries: who one is there.

pub(super) mod login;
pub(super) mod logout;

use crate::config::auth::DEFAULT_INDEX;

/// The name that credentials of a registry are kept by: its host, without scheme and path.
fn server(given: Option<&String>) -> String {
    let address = given.map_or("", String::as_str);
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    match bare.split('/').next().unwrap_or_default() {
        "" | "docker.io" | "index.docker.io" | "registry-1.docker.io" => DEFAULT_INDEX.to_owned(),
        host => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::server;

    #[test]
    fn servers() {
        let server = |text: &str| server(Some(&text.to_owned()));
        assert_eq!(server(""), "https://index.docker.io/v1/");
        assert_eq!(server("https://index.docker.io/v1/"), "https://index.docker.io/v1/");
        assert_eq!(server("http://r.example:5000/path"), "r.example:5000");
    }
}
