//! `version`.

use std::process::ExitCode;

use clap::Args;

use teu_api::version::Build;

use crate::app::{Cli, VERSION};
use crate::commands::inspect::FORMAT_HELP;
use crate::commands::system::template;
use crate::error::{Error, engine_message};
use crate::format::template::Data;
use crate::format::time;
use crate::format::version::{ClientVersion, client_text, server_text};
use crate::opts::platform;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Version {
    #[arg(short, long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
}

impl Verb for Version {
    const SPEC: Spec = Spec {
        noun: "",
        names: &["version"],
        top: "version",
        about: "Show the version information of client and engine",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[("The engine's version alone", "version -f '{{.Server.Version}}'")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let template = template(&self.format)?;
        let connection = cli.client();
        let server = match &connection {
            Ok(client) => {
                client.get_raw("/version", &teu_api::query::Query::new()).await.map_err(|error| engine_message(&error))
            }
            Err(error) => Err(error.to_string()),
        };
        let build = Build::current();
        let client = ClientVersion {
            version: VERSION.to_owned(),
            api_version: connection
                .as_ref()
                .map_or(teu_api::version::ApiVersion::MAX, |client| client.version())
                .to_string(),
            default_api_version: teu_api::version::ApiVersion::MAX.to_string(),
            git_commit: build.commit.to_owned(),
            build_time: build.time.map_or_else(String::new, time::ansic_seconds),
            os: std::env::consts::OS.to_owned(),
            arch: platform::host_architecture().to_owned(),
            context: cli.context_name(),
        };
        let server = server.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        let text = match template {
            Some(template) => {
                let client = serde_json::to_string(&client).map_err(|error| Error::message(error.to_string()))?;
                let engine = server.as_ref().map_or("null", |text| text.as_str());
                let data = format!(r#"{{"Client":{client},"Server":{engine}}}"#);
                format!("{}\n", template.render(Data::json(&data)).map_err(|error| Error::message(error.to_string()))?)
            }
            None => {
                let engine = match &server {
                    Ok(text) => format!("\n{}", server_text(text).map_err(|error| Error::message(error.to_string()))?),
                    Err(_) => String::new(),
                };
                format!("{}{engine}", client_text(&client))
            }
        };
        cli.print(text)?;
        match server {
            Ok(_) => Ok(ExitCode::SUCCESS),
            Err(message) => Err(Error::message(message)),
        }
    }
}
