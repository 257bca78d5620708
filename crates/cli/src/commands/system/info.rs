//! `info`.

use std::process::ExitCode;

use clap::Args;

use crate::app::{Cli, VERSION};
use crate::commands::inspect::FORMAT_HELP;
use crate::commands::system::template;
use crate::error::{Error, engine_message};
use crate::format::info::{client_text, server_text};
use crate::format::template::Data;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Info {
    #[arg(short, long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
}

impl Verb for Info {
    const SPEC: Spec = Spec {
        noun: "system",
        names: &["info"],
        top: "info",
        about: "Display system-wide information",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[("The storage driver", "info -f '{{.Driver}}'")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let template = template(&self.format)?;
        let context = cli.context_name();
        if let Some(template) = template {
            let bytes = cli.client()?.get_raw("/info", &teu_api::query::Query::new()).await?;
            let text = String::from_utf8_lossy(&bytes);
            // What the client knows of itself comes after what the engine told.
            let text = text.trim().strip_suffix('}').unwrap_or(&text);
            let debug = cli.globals.debug;
            let client = serde_json::json!({"Version": VERSION, "Context": context, "Debug": debug});
            let data = Data::json(&format!(r#"{text},"ClientInfo":{client}}}"#));
            let text = template.render(data).map_err(|error| Error::message(error.to_string()))?;
            cli.say(text)?;
            return Ok(ExitCode::SUCCESS);
        }
        cli.print(client_text(VERSION, &context, cli.globals.debug))?;
        cli.print("\nServer:\n")?;
        let info = match cli.client() {
            Ok(client) => client.info().await.map_err(|error| engine_message(&error)),
            Err(error) => Err(error.to_string()),
        };
        match info {
            Ok(info) => {
                cli.print(server_text(&info))?;
                for warning in info.warnings.iter().flatten() {
                    cli.warn(warning);
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(message) => {
                cli.warn(format!("ERROR: {message}"));
                Err(Error::message("errors pretty printing info"))
            }
        }
    }
}
