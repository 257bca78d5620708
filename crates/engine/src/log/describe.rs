//! What a container's lines are labelled with: the tag, and the labels and variables that its options choose.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use gotmpl::{MissingKey, Template, TemplateError, Value};
use regex_automata::meta::Regex;

use crate::Error;
use crate::container::Definition;

type Map = BTreeMap<String, String>;

/// Bytes of a tag: it stands before each line that is sent.
const MOST: usize = 16 << 10;
/// Rounds of all loops of a tag, over labels and variables.
const ROUNDS: u64 = 10_000;

/// A text that does not grow without end.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(text);
        if self.0.len() > MOST { Err(fmt::Error) } else { Ok(()) }
    }
}

/// What lines of a container are labelled with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Description {
    pub(crate) id: String,
    /// Without a slash.
    pub(crate) name: String,
    pub(crate) image_id: String,
    pub(crate) image_name: String,
    /// Program and arguments.
    pub(crate) command: String,
    /// RFC 3339.
    pub(crate) created: String,
    pub(crate) hostname: String,
    /// As asked for; empty if nothing was.
    pub(crate) own_tag: String,
    /// As asked for, or the short id.
    pub(crate) tag: String,
    /// Chosen labels and variables.
    pub(crate) extra: Map,
}

impl Description {
    /// Describes a container.
    ///
    /// # Errors
    /// Its tag is no template, or an option no regular expression.
    pub(crate) fn of(definition: &Definition) -> Result<Description, Error> {
        let none = Map::new();
        let options = definition.host.log_config.config.as_ref().unwrap_or(&none);
        let mut description = Description {
            id: definition.id.clone(),
            name: definition.name.clone(),
            image_id: definition.image.clone(),
            image_name: definition.config.image.clone(),
            command: definition.command().cloned().collect::<Vec<_>>().join(" "),
            created: definition.created.to_string(),
            hostname: hostname(),
            extra: extra(definition, options).map_err(Error::Invalid)?,
            ..Description::default()
        };
        if let Some(tag) = options.get("tag").filter(|tag| !tag.is_empty()) {
            description.own_tag = description.render(tag, definition).map_err(Error::Invalid)?;
        }
        let given = options.get("tag").is_some_and(|tag| !tag.is_empty());
        description.tag =
            if given { description.own_tag.clone() } else { teu_oci::id::short(&description.id).to_owned() };
        Ok(description)
    }

    /// What each line of the local file carries.
    pub(crate) fn attributes(&self) -> Map {
        let mut all = self.extra.clone();
        if !self.own_tag.is_empty() {
            all.insert("tag".to_owned(), self.own_tag.clone());
        }
        all
    }

    fn render(&self, tag: &str, definition: &Definition) -> Result<String, String> {
        let template = functions(Template::new("log-tag").missing_key(MissingKey::Error).max_range_iters(ROUNDS));
        // The one method of Docker's that takes an argument, which is always this one.
        let tag = tag.replace(".ExtraAttributes nil", ".ExtraAttributes");
        let template = template.parse(&tag).map_err(|error| syntax(&error))?;
        if template.templates().iter().any(|name| *name != "log-tag") {
            // Each may call another twice, which takes for ever.
            return Err("template: log-tag: a tag cannot define templates".to_owned());
        }
        let mut text = Bounded(String::new());
        template.execute_fmt(&mut text, &self.data(definition)).map_err(|error| match error {
            TemplateError::MissingKey { key, .. } => format!(
                "template: log-tag:1: executing \"log-tag\" at <.{key}>: can't evaluate field {key} in type *logger.Info"
            ),
            TemplateError::Write => format!("template: log-tag: the tag has more than {MOST} bytes"),
            other => format!("template: log-tag:1: executing \"log-tag\": {other}"),
        })?;
        Ok(text.0)
    }

    /// The words of Docker's templates: those of its documentation, and the fields behind them.
    fn data(&self, definition: &Definition) -> Value {
        let environment = definition.config.env.iter().flatten();
        let labels = definition.labels().map(|(key, value)| (Arc::from(key.as_str()), string(value))).collect();
        let extra = self.extra.iter().map(|(key, value)| (Arc::from(key.as_str()), string(value))).collect();
        let short = |id: &str| string(teu_oci::id::short(id.strip_prefix("sha256:").unwrap_or(id)));
        let mut command = definition.command();
        let words = [
            ("ID", short(&self.id)),
            ("FullID", string(&self.id)),
            ("Name", string(&self.name)),
            ("ImageID", short(&self.image_id)),
            ("ImageFullID", string(&self.image_id)),
            ("ImageName", string(&self.image_name)),
            ("Command", string(&self.command)),
            ("Hostname", string(&self.hostname)),
            ("DaemonName", string("docker")),
            ("ContainerID", string(&self.id)),
            ("ContainerName", string(&format!("/{}", self.name))),
            ("ContainerImageID", string(&self.image_id)),
            ("ContainerImageName", string(&self.image_name)),
            ("ContainerCreated", string(&self.created)),
            ("ContainerEntrypoint", string(command.next().map_or("", String::as_str))),
            ("ContainerArgs", Value::List(command.map(|word| string(word)).collect())),
            ("ContainerEnv", Value::List(environment.map(|variable| string(variable)).collect())),
            ("ContainerLabels", Value::Map(Arc::new(labels))),
            ("ExtraAttributes", Value::Map(Arc::new(extra))),
        ];
        Value::Map(Arc::new(words.into_iter().map(|(word, value)| (Arc::from(word), value)).collect()))
    }
}

/// Checks what can be checked before there is a container.
///
/// # Errors
/// A regular expression is none.
pub(crate) fn check(options: &Map) -> Result<(), Error> {
    for key in ["labels-regex", "env-regex"] {
        if let Some(pattern) = options.get(key) {
            regex(pattern).map_err(Error::Invalid)?;
        }
    }
    Ok(())
}

fn string(text: &str) -> Value {
    Value::String(Arc::from(text))
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn extra(definition: &Definition, options: &Map) -> Result<Map, String> {
    let labels: BTreeMap<&str, &str> = definition.labels().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let variables = definition.config.env.iter().flatten().filter_map(|variable| variable.split_once('='));
    let variables: BTreeMap<&str, &str> = variables.collect();
    let mut all = Map::new();
    for (from, names, pattern) in [(&labels, "labels", "labels-regex"), (&variables, "env", "env-regex")] {
        let names = options.get(names).map_or("", String::as_str);
        let named = names.split(',').filter_map(|name| from.get_key_value(name));
        all.extend(named.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        if let Some(pattern) = options.get(pattern).filter(|pattern| !pattern.is_empty()) {
            let pattern = regex(pattern)?;
            let matching = from.iter().filter(|(key, _)| pattern.is_match(**key));
            all.extend(matching.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        }
    }
    Ok(all)
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| {
        let reason = error.syntax_error().map_or_else(|| error.to_string(), |_| "not a regular expression".to_owned());
        format!("error parsing regexp: {reason}: `{pattern}`")
    })
}

fn syntax(error: &TemplateError) -> String {
    match error {
        TemplateError::Parse { line, message, .. } | TemplateError::Lex { line, message, .. } => {
            format!("template: log-tag:{line}: {message}")
        }
        other => format!("template: log-tag: {other}"),
    }
}

/// The functions that Docker adds to Go's.
fn functions(template: Template) -> Template {
    let text = |args: &[Value]| match args.first() {
        Some(Value::String(text)) => Ok(text.to_string()),
        _ => Err(TemplateError::Exec("a string is wanted".to_owned())),
    };
    template
        .func("lower", move |args| Ok(string(&text(args)?.to_lowercase())))
        .func("upper", move |args| Ok(string(&text(args)?.to_uppercase())))
        .func("truncate", move |args| {
            let count = args.get(1).and_then(Value::as_int).and_then(|count| usize::try_from(count).ok());
            Ok(string(&text(args)?.chars().take(count.unwrap_or(usize::MAX)).collect::<String>()))
        })
        .func("json", |args| {
            let quoted = |value: &Value| serde_json::to_string(&value.to_string()).unwrap_or_default();
            Ok(string(&args.first().map(quoted).unwrap_or_default()))
        })
        .func("split", move |args| {
            let separator = args.get(1).map(ToString::to_string).unwrap_or_default();
            Ok(Value::List(text(args)?.split(separator.as_str()).map(string).collect()))
        })
        .func("join", |args| {
            let separator = args.get(1).map(ToString::to_string).unwrap_or_default();
            match args.first() {
                Some(Value::List(parts)) => {
                    let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                    Ok(string(&parts.join(&separator)))
                }
                _ => Err(TemplateError::Exec("a list is wanted".to_owned())),
            }
        })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use teu_api::container::{Config, HostConfig, LogConfig};

    use super::*;

    fn definition(options: &[(&str, &str)]) -> Definition {
        let labels = [("com.x.a", "1"), ("com.y", "2"), ("other", "3")];
        let config = Config {
            env: Some(vec!["OS=linux".to_owned(), "VERSION=1".to_owned(), "NOTHING".to_owned()]),
            labels: Some(labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect()),
            cmd: Some(vec!["sleep".to_owned(), "1".to_owned()]),
            ..Config::default()
        };
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let log_config = LogConfig { driver: "json-file".to_owned(), config: Some(options) };
        Definition {
            id: "f0".repeat(32),
            name: "web".to_owned(),
            created: Timestamp::UNIX_EPOCH,
            image: format!("sha256:{}", "a".repeat(64)),
            config,
            host: HostConfig { log_config, ..HostConfig::default() },
            endpoints: BTreeMap::new(),
            mounts: Vec::new(),
            ids: None,
        }
    }

    fn tag(template: &str) -> String {
        match Description::of(&definition(&[("tag", template), ("env", "OS")])) {
            Ok(description) => description.tag,
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn tags() {
        let definition = definition(&[]);
        let short = &definition.id[..12];
        assert_eq!(Description::of(&definition).expect("valid").tag, short);
        assert_eq!(tag("{{.Name}}/{{.ID}}"), format!("web/{short}"));
        assert_eq!(tag("{{.FullID}}"), definition.id);
        assert_eq!(tag("{{.Command}} {{upper .Name}} {{truncate .Name 2}}"), "sleep 1 WEB we");
        assert_eq!(tag("{{(.ExtraAttributes nil).OS}}"), "linux");
        assert_eq!(tag("{{index .ContainerLabels \"com.y\"}}"), "2");
        assert_eq!(tag("plain"), "plain");
        assert_eq!(
            tag("{{.Nope}}"),
            "error: template: log-tag:1: executing \"log-tag\" at <.Nope>: can't evaluate field Nope in type *logger.Info"
        );
        assert_eq!(tag("{{range 10000}}{{.}}{{end}}"), "error: template: log-tag: the tag has more than 16384 bytes");
        assert!(tag("{{range 100000000}}{{end}}").starts_with("error: "));
        assert!(tag("{{define \"a\"}}{{end}}").starts_with("error: template: log-tag: a tag cannot define templates"));
        assert!(tag("{{.Name").starts_with("error: template: log-tag:1: unclosed action"), "{}", tag("{{.Name"));
    }

    #[test]
    fn labels_and_variables() {
        let chosen = |options: &[(&str, &str)]| {
            let attributes = Description::of(&definition(options)).expect("valid").attributes();
            attributes.into_iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(chosen(&[]), "");
        assert_eq!(chosen(&[("labels", "other,com.y,none"), ("env", "OS")]), "OS=linux com.y=2 other=3");
        assert_eq!(chosen(&[("labels-regex", "^com\\."), ("env-regex", "^(VER|NOTH)")]), "VERSION=1 com.x.a=1 com.y=2");
        assert_eq!(chosen(&[("tag", "{{.Name}}")]), "tag=web");
        assert!(check(&[("env-regex".to_owned(), "(".to_owned())].into()).is_err());
    }
}
