//! `events`.

use std::process::ExitCode;

use clap::Args;
use teu_api::event::{Event, Options};

use crate::app::Cli;
use crate::commands::container::logs::point_in_time;
use crate::commands::inspect::FORMAT_HELP;
use crate::error::Error;
use crate::format::template::{Data, Template};
use crate::format::time;
use crate::opts::filter;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Filter output based on conditions provided
    #[arg(short, long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    #[arg(long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Show all events created since timestamp
    #[arg(long, value_name = "string", default_value = "")]
    since: String,
    /// Stream events until this timestamp
    #[arg(long, value_name = "string", default_value = "")]
    until: String,
}

impl Verb for Events {
    const SPEC: Spec = Spec {
        noun: "system",
        names: &["events"],
        top: "events",
        about: "Get real time events from the server",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[
            ("Containers that end", "events --filter event=die"),
            ("What happened in the last ten minutes", "events --since 10m --until 0s"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let template = match self.format.as_str() {
            "" => None,
            "json" => Some("{{json .}}".to_owned()),
            text => Some(text.replace("\\t", "\t").replace("\\n", "\n")),
        };
        let parse = |text: String| {
            Template::parse(&text)
                .map_err(|error| Error::Failed { message: format!("Error parsing format: {error}"), code: 64 })
        };
        let template = template.map(parse).transpose()?;
        let options = Options {
            since: point_in_time(&self.since)?,
            until: point_in_time(&self.until)?,
            filters: filter::group(&self.filter),
        };
        let mut events = cli.client()?.events(&options).await?;
        while let Some(event) = events.next().await? {
            match &template {
                None => cli.say(describe(&event))?,
                Some(template) => {
                    let text = serde_json::to_string(&event).map_err(|error| Error::message(error.to_string()))?;
                    let line = template.render(Data::json(&text)).map_err(|error| Error::message(error.to_string()))?;
                    cli.say(line)?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// `time type action id (key=value, …)`.
fn describe(event: &Event) -> String {
    let when = time::rfc3339_nanos(event.time, event.time_nano);
    let attributes: Vec<String> = event.actor.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let details = if attributes.is_empty() { String::new() } else { format!(" ({})", attributes.join(", ")) };
    format!("{when} {} {} {}{details}", event.kind, event.action, event.actor.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let event: Event = serde_json::from_str(
            r#"{"Type":"container","Action":"exec_create: sh","Actor":{"ID":"abc","Attributes":{"name":"web","image":"x"}},
            "time":1,"timeNano":1000000002}"#,
        )
        .unwrap();
        let line = describe(&event);
        assert!(line.ends_with(" container exec_create: sh abc (image=x, name=web)"), "{line}");
        assert!(line.contains(":01.000000002"), "{line}");
    }
}
