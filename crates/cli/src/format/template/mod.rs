//! Go templates (`--format`), with Docker's functions, field semantics and error messages.
//!
//! The template engine knows only maps, where a missing key is nothing. Docker's data are structs, where an unknown
//! field is an error, and rows with methods (`.Label "x"`). So field accesses are rewritten into calls of a function
//! of ours before the template runs: it knows each value's kind and names the place in the template when it fails.

mod data;
mod functions;
mod kinds;
mod rewrite;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use gotmpl::TemplateError;
use gotmpl::parse::Parser;

pub(crate) use data::Data;
use kinds::Kinds;
use rewrite::Rewrite;

/// The name under which the body is registered.
const MAIN: &str = "";
/// The function that replaces field access.
const FIELD: &str = "__field";
/// The function that every printed value passes.
const PRINT: &str = "__print";

/// A parsed template.
pub(crate) struct Template {
    inner: gotmpl::Template,
    kinds: Arc<RwLock<Kinds>>,
    fields: Fields,
}

/// Which fields of the data a template uses, so that only those need to be computed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    /// The data as a whole are used (`{{json .}}`).
    pub(crate) all: bool,
    /// First names of the chains used (`Config` of `.Config.Image`).
    pub(crate) names: BTreeSet<String>,
}

impl Fields {
    /// Whether this field may be used.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }
}

/// Why a template could not be used. The text begins with Go's `template: `.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Error(String);

impl Template {
    /// Parses a template.
    pub(crate) fn parse(source: &str) -> Result<Self, Error> {
        let kinds = Arc::new(RwLock::new(Kinds::default()));
        let mut inner = functions::template_functions(gotmpl::Template::new(MAIN), kinds::json_function(&kinds));
        inner = inner.func(FIELD, kinds::field_function(&kinds)).func(PRINT, kinds::print_function(&kinds));
        let (mut body, defines) =
            Parser::new(source, "{{", "}}").and_then(Parser::parse).map_err(|error| Error(syntax(error)))?;
        let mut rewrite = Rewrite { fields: Fields::default(), unknown: None };
        rewrite.list(&mut body);
        for mut define in defines {
            rewrite.list(&mut define.body);
            inner = inner.add_parse_tree(&define.name, define.body);
        }
        if let Some((name, line)) = rewrite.unknown {
            return Err(Error(format!("template: :{line}: function {name:?} not defined")));
        }
        inner = inner.add_parse_tree(MAIN, body);
        Ok(Self { inner, kinds, fields: rewrite.fields })
    }

    /// Has it fail after so many rounds of `range`.
    pub(crate) fn rounds(self, most: u64) -> Self {
        Self { inner: self.inner.max_range_iters(most), ..self }
    }

    /// The fields it uses.
    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Fills the template with data.
    pub(crate) fn render(&self, data: Data) -> Result<String, Error> {
        *self.kinds.write().unwrap_or_else(PoisonError::into_inner) = data.kinds;
        self.inner.execute_template_to_string(MAIN, &data.value).map_err(|error| {
            Error(match error {
                TemplateError::Exec(message) if message.starts_with("template: ") => message,
                TemplateError::Exec(message) => format!("template: :1: executing \"\": {message}"),
                other => format!("template: :1: executing \"\": {other}"),
            })
        })
    }
}

fn syntax(error: TemplateError) -> String {
    match error {
        TemplateError::Parse { line, message, .. } | TemplateError::Lex { line, message, .. } => {
            format!("template: :{line}: {message}")
        }
        other => format!("template: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str, json: &str) -> String {
        match Template::parse(source).and_then(|template| template.render(Data::json(json))) {
            Ok(text) => text,
            Err(error) => format!("error: {error}"),
        }
    }

    const CONTAINER: &str = r#"{"Id":"abc","State":{"Status":"running","Pid":7},"Config":{"Image":"x","Cmd":["sleep","1"],
        "Env":null,"Labels":{"z":"1","a.b":"2"},"Volumes":null},"Ports":{"80/tcp":[{"HostPort":"8080"}]},"Big":1e3}"#;

    #[test]
    fn fields_and_functions() {
        let cases = [
            ("{{.Id}} {{.State.Pid}}", "abc 7"),
            ("{{json .State}}", r#"{"Status":"running","Pid":7}"#),
            ("{{json .Config.Labels}}", r#"{"z":"1","a.b":"2"}"#),
            ("{{.Config.Cmd}} {{.Config.Env}} {{.Config.Volumes}}", "[sleep 1] [] map[]"),
            (r#"{{index .Config.Labels "a.b"}}"#, "2"),
            (r#"{{(index (index .Ports "80/tcp") 0).HostPort}}"#, "8080"),
            ("{{range $k, $v := .Ports}}{{$k}}={{(index $v 0).HostPort}}{{end}}", "80/tcp=8080"),
            ("{{.Config.Labels.nope}}", "<no value>"),
            ("{{.State.Health}} {{.State}}", "<nil> {running 7}"),
            ("{{.Ports}}", "map[80/tcp:[{8080}]]"),
            ("{{if .State.Health}}a{{else}}b{{end}}", "b"),
            ("{{with .State}}{{.Status}}{{$.Id}}{{end}}", "runningabc"),
            (r#"{{join .Config.Cmd "/"}}{{println "x"}}"#, "sleep/1x\n"),
            (
                r#"{{upper "aß"}}{{lower "AB"}}{{title "ab cd"}}{{pad "x" 1 2}}|{{truncate "hello" 2}}"#,
                "ASSabAb Cd x  |he",
            ),
            (r#"{{index (split "a:b" ":") 1}}"#, "b"),
            (r#"{{printf "%-4s|%3d|%.2f" .Id .State.Pid .Big}}"#, "abc |  7|1000.00"),
            (r#"{{printf "v1.77737 %v" .Config.Cmd}}"#, "v1.77737 [sleep 1]"),
        ];
        for (source, want) in cases {
            assert_eq!(render(source, CONTAINER), want, "{source}");
        }
    }

    #[test]
    fn errors_are_gos() {
        let cases = [
            ("{{.Foo}}", r#"error: template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo""#),
            (
                "{{.State.Health.Status}}",
                r#"error: template: :1:8: executing "" at <.State.Health.Status>: map has no entry for key "Health""#,
            ),
            (
                "{{.Config.Foo}}",
                r#"error: template: :1:9: executing "" at <.Config.Foo>: map has no entry for key "Foo""#,
            ),
            ("{{foo .Id}}", r#"error: template: :1: function "foo" not defined"#),
            (
                r#"{{printf "%.77737e" .Big}}"#,
                r#"error: template: :1: executing "": printf: more than 65534 digits after the point"#,
            ),
            (
                r#"{{printf "%.*f" 65535 .Big}}"#,
                r#"error: template: :1: executing "": printf: more than 65534 digits after the point"#,
            ),
            ("{{.Id", "error: template: :1: unclosed action"),
        ];
        for (source, want) in cases {
            assert_eq!(render(source, CONTAINER), want, "{source}");
        }
    }

    #[test]
    fn used_fields() {
        let fields = |source| Template::parse(source).unwrap().fields().clone();
        assert!(fields("{{json .}}").all);
        let some = fields(r#"{{.ID}} {{.Label "x"}} {{if .State.Ok}}{{$.Names}}{{end}}"#);
        assert!(!some.all);
        assert_eq!(some.names.iter().map(String::as_str).collect::<Vec<_>>(), ["ID", "Label", "Names", "State"]);
    }
}
