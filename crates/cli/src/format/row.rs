//! Lists of things, as a table, as JSON, or through the user's template.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::{Value, ValueFunc};

use super::ordered;
use super::tabwriter::{self, Layout};
use super::template::{Data, Error, Template};

/// A method that takes an argument, and the column header that fits the argument.
pub(crate) type Method = (&'static str, fn(&str) -> String);

/// One thing in a list.
pub(crate) trait Row {
    /// Docker's Go type, for messages about unknown fields.
    const GO_TYPE: &'static str;
    /// Names of the fields and their column headers, sorted by name (the order of `{{json .}}`).
    const FIELDS: &'static [(&'static str, &'static str)];
    /// Methods that take an argument: `.Label "x"`, with the header that fits the argument.
    const METHODS: &'static [Method] = &[];

    /// The value of a field named in [`Self::FIELDS`].
    fn field(&self, name: &str) -> Value;

    /// The implementation of a method named in [`Self::METHODS`].
    fn method(&self, _name: &str) -> ValueFunc {
        Arc::new(|_| Ok(Value::Nil))
    }
}

/// How a list is shown.
pub(crate) struct Format {
    template: Template,
    is_table: bool,
}

/// What `--format raw` shows of a thing: labels and fields, each pair on a line, an empty line after the last one.
pub(crate) struct Raw {
    /// All that is shown with `--quiet`.
    pub(crate) id: (&'static str, &'static str),
    /// All lines.
    pub(crate) lines: &'static [(&'static str, &'static str)],
}

impl Raw {
    /// The format that is meant by `text`: itself, or the template of `raw`.
    pub(crate) fn template<'t>(&self, text: &'t str, quiet: bool) -> Cow<'t, str> {
        let line = |(label, field): &(&str, &str)| match *label {
            // Docker leaves out the space where these are empty.
            "state" | "status" | "labels" | "ports" => {
                format!("{label}:{{{{if .{field}}}}} {{{{.{field}}}}}{{{{end}}}}")
            }
            label => format!("{label}: {{{{.{field}}}}}"),
        };
        match text {
            "raw" if quiet => line(&self.id).into(),
            "raw" => self.lines.iter().map(|pair| line(pair) + "\n").collect::<String>().into(),
            other => other.into(),
        }
    }
}

/// Why a list could not be shown. Docker has the same words for both, but for those of `ps`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    /// The template is malformed.
    #[error("template parsing error: {0}")]
    Parse(Error),
    /// The template does not fit the data.
    #[error("template parsing error: {0}")]
    Execute(Error),
}

impl Format {
    /// Reads `--format`: `json`, `table`, `table TEMPLATE` or `TEMPLATE`. `default` is the template of plain `table`.
    pub(crate) fn parse(text: &str, default: &str) -> Result<Self, FormatError> {
        let table = text.strip_prefix("table");
        let source = match table {
            _ if text == "json" => "{{json .}}",
            Some(rest) if rest.trim().is_empty() => default,
            Some(rest) => rest,
            None => text,
        };
        let source = source.trim_matches(' ').replace("\\t", "\t").replace("\\n", "\n");
        let template = Template::parse(&source).map_err(FormatError::Parse)?;
        Ok(Self { template, is_table: table.is_some() })
    }

    /// Whether the field is needed.
    pub(crate) fn uses(&self, name: &str) -> bool {
        self.template.fields().contains(name)
    }

    /// Shows the rows, each on a line of its own.
    pub(crate) fn print<R: Row>(&self, rows: &[R]) -> Result<String, FormatError> {
        let mut out = String::new();
        if self.is_table {
            out.push_str(&self.template.render(header::<R>()).map_err(FormatError::Execute)?);
            out.push('\n');
        }
        for row in rows {
            out.push_str(&self.line(row)?);
            out.push('\n');
        }
        Ok(if self.is_table { tabwriter::align(&out, Layout::TABLE) } else { out })
    }

    fn line<R: Row>(&self, row: &R) -> Result<String, FormatError> {
        let used = self.template.fields();
        let mut fields: BTreeMap<Arc<str>, Value> = BTreeMap::new();
        for (name, _) in R::FIELDS {
            if used.contains(name) {
                fields.insert(Arc::from(*name), row.field(name));
            }
        }
        let json = if used.all { row_json::<R>(&fields) } else { String::new() };
        for (name, _) in R::METHODS {
            if used.contains(name) {
                fields.insert(Arc::from(*name), Value::Function(row.method(name)));
            }
        }
        self.template.render(Data::row(fields, R::GO_TYPE, json)).map_err(FormatError::Execute)
    }
}

fn row_json<R: Row>(fields: &BTreeMap<Arc<str>, Value>) -> String {
    let members: Vec<String> = R::FIELDS
        .iter()
        .filter_map(|(name, _)| fields.get(*name).map(|value| (name, value)))
        .map(|(name, value)| {
            let value = match value {
                Value::String(text) => ordered::html_string(text),
                Value::Nil => "null".to_owned(),
                other => other.to_string(),
            };
            format!("\"{name}\":{value}")
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

/// The headers as a row, so that the user's template lays them out.
fn header<R: Row>() -> Data {
    let mut fields: BTreeMap<Arc<str>, Value> =
        R::FIELDS.iter().map(|(name, header)| (Arc::from(*name), Value::String((*header).into()))).collect();
    for (name, header) in R::METHODS {
        let header: ValueFunc = Arc::new(move |args| {
            Ok(Value::String(header(args.first().and_then(Value::as_str).unwrap_or_default()).into()))
        });
        fields.insert(Arc::from(*name), Value::Function(header));
    }
    Data::row(fields, R::GO_TYPE, String::new())
}

/// The header of the column `.Label "com.example.some-name"`: `some name`.
pub(crate) fn label_header(label: &str) -> String {
    label.rsplit('.').next().unwrap_or_default().replace(['-', '_'], " ")
}

/// A method that looks up a label.
pub(crate) fn label_method(labels: &BTreeMap<String, String>) -> ValueFunc {
    let labels = labels.clone();
    Arc::new(move |args| {
        let name = args.first().and_then(Value::as_str).unwrap_or_default();
        Ok(Value::String(labels.get(name).map(String::as_str).unwrap_or_default().into()))
    })
}

/// A text value.
pub(crate) fn text(text: impl AsRef<str>) -> Value {
    Value::String(text.as_ref().into())
}

/// Labels as `key=value,key=value`.
pub(crate) fn labels(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ship(&'static str, &'static str, BTreeMap<String, String>);

    impl Row for Ship {
        const GO_TYPE: &'static str = "*formatter.Ship";
        const FIELDS: &'static [(&'static str, &'static str)] = &[("Name", "NAME"), ("Port", "HOME PORT")];
        const METHODS: &'static [Method] = &[("Label", label_header)];
        fn field(&self, name: &str) -> Value {
            text(if name == "Name" { self.0 } else { self.1 })
        }
        fn method(&self, _name: &str) -> ValueFunc {
            label_method(&self.2)
        }
    }

    fn fleet(format: &str) -> String {
        let labels = BTreeMap::from([("a.flag-state".to_owned(), "DK".to_owned())]);
        let ships = [Ship("Emma", "Taulov", labels), Ship("Ever <Given>", "", BTreeMap::new())];
        match Format::parse(format, "{{.Name}}\t{{.Port}}").and_then(|format| format.print(&ships)) {
            Ok(text) => text,
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn raw() {
        let raw = Raw { id: ("name", "Name"), lines: &[("name", "Name"), ("ports", "Port"), ("home", "Port")] };
        let shown = fleet(&raw.template("raw", false));
        assert_eq!(shown, "name: Emma\nports: Taulov\nhome: Taulov\n\nname: Ever <Given>\nports:\nhome: \n\n");
        assert_eq!(fleet(&raw.template("raw", true)), "name: Emma\nname: Ever <Given>\n");
        assert_eq!(raw.template("{{.Name}}", true), "{{.Name}}");
    }

    #[test]
    fn formats() {
        let cases = [
            ("table", "NAME           HOME PORT\nEmma           Taulov\nEver <Given>   \n"),
            (r#"table {{.Port}}\t{{.Label "a.flag-state"}}"#, "HOME PORT   flag state\nTaulov      DK\n            \n"),
            ("table {{upper .Name}}", "NAME\nEMMA\nEVER <GIVEN>\n"),
            ("{{.Name}}", "Emma\nEver <Given>\n"),
            (
                "json",
                "{\"Name\":\"Emma\",\"Port\":\"Taulov\"}\n{\"Name\":\"Ever \\u003cGiven\\u003e\",\"Port\":\"\"}\n",
            ),
            (
                "{{.Foo}}",
                r#"error: template parsing error: template: :1:2: executing "" at <.Foo>: can't evaluate field Foo in type *formatter.Ship"#,
            ),
            ("{{.", "error: template parsing error: template: :1: unclosed action"),
        ];
        for (format, want) in cases {
            assert_eq!(fleet(format), want, "{format}");
        }
    }
}
