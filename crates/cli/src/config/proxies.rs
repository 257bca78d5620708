//! `proxies` of `config.json`: environment variables that containers get.

use serde::Deserialize;

use super::ConfigFile;

/// The entry for engines that have none of their own.
const DEFAULT: &str = "default";

/// The proxies of one engine.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Proxies {
    http_proxy: String,
    https_proxy: String,
    no_proxy: String,
    ftp_proxy: String,
    all_proxy: String,
}

impl ConfigFile {
    /// Adds the variables that the proxies for the engine at `host` ask for, each in large and in small letters. What
    /// `env` names, with or without a value, the user has decided.
    pub(crate) fn add_proxies(&self, host: &str, env: &mut Vec<String>) {
        let Some(proxies) = self.proxies.get(host).or_else(|| self.proxies.get(DEFAULT)) else { return };
        let variables = [
            ("ALL_PROXY", &proxies.all_proxy),
            ("FTP_PROXY", &proxies.ftp_proxy),
            ("HTTP_PROXY", &proxies.http_proxy),
            ("HTTPS_PROXY", &proxies.https_proxy),
            ("NO_PROXY", &proxies.no_proxy),
        ];
        for (name, value) in variables.into_iter().filter(|(_, value)| !value.is_empty()) {
            for name in [name.to_owned(), name.to_lowercase()] {
                if !env.iter().any(|known| known.split('=').next() == Some(name.as_str())) {
                    env.push(format!("{name}={value}"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables() {
        let text = r#"{"proxies":{"default":{"httpProxy":"http://p:1","noProxy":"a,b"},"tcp://h:1":{"allProxy":"x"}}}"#;
        let config: ConfigFile = serde_json::from_str(text).unwrap();
        let with = |host, env: &[&str]| {
            let mut env: Vec<String> = env.iter().map(|name| (*name).to_owned()).collect();
            config.add_proxies(host, &mut env);
            env
        };
        let all = ["HTTP_PROXY=http://p:1", "http_proxy=http://p:1", "NO_PROXY=a,b", "no_proxy=a,b"];
        assert_eq!(with("unix:///x", &[]), all);
        let own = ["HTTP_PROXY=", "A=1", "no_proxy"];
        let more = ["http_proxy=http://p:1", "NO_PROXY=a,b"];
        assert_eq!(with("unix:///x", &own), [&own[..], &more].concat());
        assert_eq!(with("tcp://h:1", &[]), ["ALL_PROXY=x", "all_proxy=x"]);
    }
}
