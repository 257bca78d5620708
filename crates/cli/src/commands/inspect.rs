//! `inspect`: everything the engine knows about something.

use std::process::ExitCode;

use clap::Args;
use teu_api::query::{Query, encode};

use crate::app::Cli;
use crate::error::Error;
use crate::format::template::{Data, Template};
use crate::format::{ordered, template};
use crate::verb::{Arity, Spec, Verb};

/// Help of `--format` where there is no table.
pub(crate) const FORMAT_HELP: &str = "Format output using a custom template:\n\
    'json':             Print in JSON format\n\
    'TEMPLATE':         Print output using the given Go template.\n\
    Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates";

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[arg(short, long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Display total file sizes if the type is container
    #[arg(short, long)]
    size: bool,
    /// Only inspect objects of the given type
    #[arg(long = "type", value_name = "string")]
    kind: Option<String>,
    names: Vec<String>,
}

impl Verb for Inspect {
    const SPEC: Spec = Spec {
        noun: "",
        names: &["inspect"],
        top: "inspect",
        about: "Return low-level information on Docker objects",
        usage: "[OPTIONS] NAME|ID [NAME|ID...]",
        arguments: Arity::at_least(1),
        examples: &[
            ("A container's address", "inspect -f '{{.NetworkSettings.IPAddress}}' web"),
            ("An image, though a container has the same name", "inspect --type image web"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let kinds = match &self.kind {
            None => &KINDS[..ANY],
            Some(kind) => {
                let found = KINDS.iter().position(|known| known.name == kind);
                let Some(index) = found else {
                    let mut names: Vec<String> = KINDS.iter().map(|kind| format!("{:?}", kind.name)).collect();
                    names.sort();
                    let names = names.join(", ");
                    return Err(Error::message(format!("unknown type: {kind:?}: must be one of {names}")));
                };
                &KINDS[index..=index]
            }
        };
        show(cli, &self.names, &self.format, self.size, kinds).await
    }
}

/// A kind of thing, and where the engine tells about it.
pub(crate) struct Kind {
    /// Name as `--type` takes it.
    name: &'static str,
    /// Path before the name.
    before: &'static str,
    /// Path after the name.
    after: &'static str,
}

/// Containers.
pub(crate) const CONTAINER: Kind = Kind { name: "container", before: "/containers/", after: "/json" };
/// Images.
pub(crate) const IMAGE: Kind = Kind { name: "image", before: "/images/", after: "/json" };
/// Networks.
pub(crate) const NETWORK: Kind = Kind { name: "network", before: "/networks/", after: "" };
/// Volumes.
pub(crate) const VOLUME: Kind = Kind { name: "volume", before: "/volumes/", after: "" };

const fn kind(name: &'static str, before: &'static str) -> Kind {
    Kind { name, before, after: "" }
}

static KINDS: [Kind; 10] = [
    CONTAINER,
    IMAGE,
    NETWORK,
    VOLUME,
    kind("node", "/nodes/"),
    kind("service", "/services/"),
    kind("task", "/tasks/"),
    kind("plugin", "/plugins/"),
    kind("secret", "/secrets/"),
    kind("config", "/configs/"),
];
/// How many of the kinds are looked through when none is given.
const ANY: usize = 4;

/// Inspects each name as the first of `kinds` that knows it.
pub(crate) async fn show(
    cli: &Cli,
    names: &[String],
    format: &str,
    size: bool,
    kinds: &[Kind],
) -> Result<ExitCode, Error> {
    show_found(cli, names, format, async |name| look_up(cli, name, size, kinds).await).await
}

/// Shows what `look_up` finds of each name, as JSON.
pub(crate) async fn show_found(
    cli: &Cli,
    names: &[String],
    format: &str,
    look_up: impl AsyncFn(&str) -> Result<String, Error>,
) -> Result<ExitCode, Error> {
    let template = match format {
        "" | "json" => None,
        text => Some(
            Template::parse(&text.replace("\\t", "\t").replace("\\n", "\n"))
                .map_err(|error| Error::Failed { message: format!("template parsing error: {error}"), code: 64 })?,
        ),
    };
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for name in names {
        match (look_up(name).await, &template) {
            (Err(error), _) => failures.push(error.to_string()),
            (Ok(text), None) => found.push(text),
            (Ok(text), Some(template)) => match rendered(template, &text) {
                Ok(text) => found.push(text),
                Err(error) => failures.push(format!("template parsing error: {error}")),
            },
        }
    }
    cli.print(layout(&found, format))?;
    if failures.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(Error::message(failures.join("\n"))) }
}

/// A template's text. Docker looks at images as it knows them first, and at what the engine said where that fails.
fn rendered(template: &Template, text: &str) -> Result<String, template::Error> {
    match known_image(text).map(|known| template.render(Data::json(&known))) {
        Some(Ok(shown)) => Ok(shown),
        _ => template.render(Data::json(text)),
    }
}

/// An image with the members of `Config` that Docker's command line knows, in its order; none if it is no image.
fn known_image(text: &str) -> Option<String> {
    const CONFIG: [&str; 13] = [
        "User",
        "ExposedPorts",
        "Env",
        "Entrypoint",
        "Cmd",
        "Volumes",
        "WorkingDir",
        "Labels",
        "StopSignal",
        "ArgsEscaped",
        "Healthcheck",
        "OnBuild",
        "Shell",
    ];
    let object = |members: Vec<(&str, &str)>| {
        let members: Vec<_> = members.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    let members = ordered::members(text)?;
    let find = |name: &str| members.iter().find(|(member, _)| member == name).map(|(_, value)| value.get());
    find("RootFS")?;
    let config = ordered::members(find("Config")?)?;
    let known = CONFIG.iter().filter_map(|name| config.iter().find(|(member, _)| member == name));
    let known = known.map(|(name, value)| (name.as_str(), value.get()));
    let known = object(known.filter(|(_, value)| !matches!(*value, "null" | "\"\"" | "[]" | "{}" | "false")).collect());
    let value = |name: &str, value| if name == "Config" { known.as_str() } else { value };
    Some(object(members.iter().map(|(name, raw)| (name.as_str(), value(name, raw.get()))).collect()))
}

fn layout(found: &[String], format: &str) -> String {
    match format {
        "" => format!("{}\n", ordered::indent(&format!("[{}]", found.join(",")))),
        "json" => format!("[{}]\n", found.iter().map(|text| ordered::compact(text)).collect::<Vec<_>>().join(",")),
        _ if found.is_empty() => "\n".to_owned(),
        _ => found.iter().map(|text| format!("{text}\n")).collect(),
    }
}

async fn look_up(cli: &Cli, name: &str, size: bool, kinds: &[Kind]) -> Result<String, Error> {
    let client = cli.client()?;
    let is_only = kinds.len() == 1;
    if name.is_empty() {
        return Err(Error::message("invalid name or id: value is empty"));
    }
    for kind in kinds {
        // Slashes belong to the names of images.
        let name: Vec<_> = name.split('/').map(encode).collect();
        let path = format!("{}{}{}", kind.before, name.join("/"), kind.after);
        let query = Query::new().switch("size", size && kind.name == "container");
        match client.get_raw(&path, &query).await {
            Ok(bytes) => return Ok(String::from_utf8_lossy(&bytes).trim().to_owned()),
            Err(error) if is_only => return Err(error.into()),
            // A kind that the engine does not know has nothing of this name.
            Err(error) if error.status().is_some_and(|status| matches!(status.as_u16(), 400 | 404 | 501 | 503)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::message(format!("Error: No such object: {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_as_docker_knows_them() {
        let text =
            r#"{"Id":"x","Config":{"Hostname":"","Cmd":["c"],"Entrypoint":["e"],"User":"","Labels":null},"RootFS":{}}"#;
        let show = |template: &str| rendered(&Template::parse(template).unwrap(), text).unwrap();
        assert_eq!(show("{{json .Config}}"), r#"{"Entrypoint":["e"],"Cmd":["c"]}"#);
        assert_eq!(show("{{.Id}} {{len .Config.Hostname}}"), "x 0");
        assert!(known_image(r#"{"Config":{}}"#).is_none());
    }

    #[test]
    fn layouts() {
        let found = [r#"{"b":1,"a":[]}"#.to_owned()];
        assert_eq!(layout(&found, ""), "[\n    {\n        \"b\": 1,\n        \"a\": []\n    }\n]\n");
        assert_eq!(layout(&found, "json"), "[{\"b\":1,\"a\":[]}]\n");
        assert_eq!(layout(&[], ""), "[]\n");
        assert_eq!(layout(&[], "{{.Id}}"), "\n");
        assert_eq!(layout(&["x".into(), "y".into()], "{{.Id}}"), "x\ny\n");
    }
}
