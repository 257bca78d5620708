//! Go templates (`--format`), with Docker's functions, field semantics and error messages.
//!
//! The template engine knows only maps, where a missing key is nothing. Docker's data are structs, where an unknown
//! field is an error, and rows with methods (`.Label "x"`). So field accesses are rewritten into calls of a function
//! of ours before the template runs: it knows each value's kind and names the place in the template when it fails.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use gotmpl::parse::{BranchNode, CommandNode, Expr, ListNode, Node, Parser, PipeNode, Pos, SmolStr};
use gotmpl::{TemplateError, Value};

use super::ordered;

/// The name under which the body is registered.
const MAIN: &str = "";
/// The function that replaces field access.
const FIELD: &str = "__field";

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

/// What is known about values beyond what they hold, by their address (values are shared, never moved).
#[derive(Default)]
struct Kinds {
    /// JSON text of a value, in the order in which the engine sent it.
    json: HashMap<usize, String>,
    /// Go type of a row: an unknown field is an error that names the type.
    rows: HashMap<usize, &'static str>,
    /// JSON objects with fixed members: an unknown one is an error.
    structs: BTreeSet<usize>,
    /// Keeps the values alive, so that their addresses stay theirs.
    alive: Vec<Value>,
}

/// Data for a template, with the knowledge of what kind each value is.
pub(crate) struct Data {
    value: Value,
    kinds: Kinds,
}

impl Data {
    /// A row of a table: fields by name, of the Go type `kind`; `{{json .}}` prints `json`.
    pub(crate) fn row(fields: BTreeMap<Arc<str>, Value>, kind: &'static str, json: String) -> Self {
        let mut kinds = Kinds::default();
        let value = Value::Map(Arc::new(fields));
        if let Some(address) = address(&value) {
            kinds.rows.insert(address, kind);
            kinds.json.insert(address, json);
        }
        Self { value, kinds }
    }

    /// An object as the engine sent it.
    pub(crate) fn json(text: &str) -> Self {
        let mut kinds = Kinds::default();
        let value = convert(text, "", &mut kinds);
        Self { value, kinds }
    }
}

impl Template {
    /// Parses a template.
    pub(crate) fn parse(source: &str) -> Result<Self, Error> {
        let kinds = Arc::new(RwLock::new(Kinds::default()));
        let mut inner = super::template_functions(gotmpl::Template::new(MAIN), json_function(&kinds));
        inner = inner.func(FIELD, field_function(&kinds));
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

/// The address of a shared value; `None` for plain ones.
fn address(value: &Value) -> Option<usize> {
    match value {
        Value::Map(map) => Some(Arc::as_ptr(map).addr()),
        Value::List(list) => Some(list.as_ptr().addr()),
        _ => None,
    }
}

/// Replaces field accesses by calls, and collects what the template uses.
struct Rewrite {
    fields: Fields,
    unknown: Option<(String, usize)>,
}

impl Rewrite {
    fn list(&mut self, list: &mut ListNode) {
        for node in &mut list.nodes {
            match node {
                Node::List(list) => self.list(list),
                Node::Action(action) => self.pipe(&mut action.pipe),
                Node::If(branch) | Node::Range(branch) | Node::With(branch) => self.branch(branch),
                Node::Template(template) => {
                    if let Some(pipe) = &mut template.pipe {
                        self.pipe(pipe);
                    }
                }
                Node::Define(define) => self.list(&mut define.body),
                Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
            }
        }
    }

    fn branch(&mut self, branch: &mut BranchNode) {
        self.pipe(&mut branch.pipe);
        self.list(&mut branch.body);
        if let Some(otherwise) = &mut branch.else_body {
            self.list(otherwise);
        }
    }

    fn pipe(&mut self, pipe: &mut PipeNode) {
        for (stage, command) in pipe.commands.iter_mut().enumerate() {
            // `.Label "x"`, or `"x" | .Label`: a method. Without arguments it is a field.
            let method = (command.args.len() > 1 || stage > 0)
                && matches!(command.args[0], Expr::Field(..) | Expr::Variable(..) | Expr::Chain(..));
            for argument in &mut command.args {
                self.expression(argument);
            }
            if method {
                let pos = command.args[0].pos();
                command.args.insert(0, Expr::Identifier(pos, SmolStr::new_static("call")));
            }
        }
    }

    fn expression(&mut self, expression: &mut Expr) {
        match expression {
            Expr::Dot(_) => self.fields.all = true,
            Expr::Field(pos, chain) => {
                self.fields.names.extend(chain.first().map(ToString::to_string));
                *expression = field_call(*pos, Expr::Dot(*pos), "", chain);
            }
            Expr::Variable(pos, name, chain) => {
                if name.as_str() == "$" {
                    match chain.first() {
                        Some(first) => drop(self.fields.names.insert(first.to_string())),
                        None => self.fields.all = true,
                    }
                }
                if !chain.is_empty() {
                    let variable = Expr::Variable(*pos, name.clone(), Vec::new());
                    *expression = field_call(*pos, variable, &name.clone(), chain);
                }
            }
            Expr::Chain(pos, inner, chain) => {
                self.expression(inner);
                *expression = field_call(*pos, (**inner).clone(), "", chain);
            }
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Identifier(pos, name) => {
                if !super::is_template_function(name) {
                    self.unknown.get_or_insert((name.to_string(), pos.line));
                }
            }
            Expr::String(..) | Expr::Number(..) | Expr::Bool(..) | Expr::Nil(_) => {}
        }
    }
}

/// `(__field base "place" "A" "B")`.
fn field_call(pos: Pos, base: Expr, prefix: &str, chain: &[SmolStr]) -> Expr {
    let path: String = chain.iter().map(|name| format!(".{name}")).collect();
    // Go counts columns from 0, and in a chain points at the dot before the last name that it read.
    let last = chain.last().map_or(0, |name| name.len() + 1);
    let column = pos.offset + if chain.len() > 1 { (prefix.len() + path.len()).saturating_sub(last) } else { 0 };
    let place = format!("template: :{}:{column}: executing \"\" at <{prefix}{path}>", pos.line);
    let mut args = vec![Expr::Identifier(pos, SmolStr::new_static(FIELD)), base, Expr::String(pos, place.into())];
    args.extend(chain.iter().map(|name| Expr::String(pos, name.as_str().into())));
    let command = CommandNode { pos, args };
    Expr::Pipe(pos, PipeNode { pos, decl: Vec::new(), commands: vec![command], is_assign: false })
}

fn field_function(kinds: &Arc<RwLock<Kinds>>) -> impl Fn(&[Value]) -> gotmpl::Result<Value> + Send + Sync + 'static {
    let kinds = Arc::clone(kinds);
    move |args| {
        let [base, place, names @ ..] = args else { return Ok(Value::Nil) };
        let kinds = kinds.read().unwrap_or_else(PoisonError::into_inner);
        let mut value = base.clone();
        for name in names.iter().filter_map(Value::as_str) {
            value = kinds
                .field(&value, name)
                .map_err(|problem| TemplateError::Exec(format!("{}: {problem}", place.as_str().unwrap_or_default())))?;
        }
        Ok(value)
    }
}

impl Kinds {
    fn field(&self, value: &Value, name: &str) -> Result<Value, String> {
        if let Some(found) = value.field(name) {
            return Ok(found.clone());
        }
        let address = address(value);
        match value {
            Value::Map(_) => match address.and_then(|address| self.rows.get(&address)) {
                Some(kind) => Err(format!("can't evaluate field {name} in type {kind}")),
                None if address.is_some_and(|address| self.structs.contains(&address)) => {
                    match OPTIONAL.contains(&name) {
                        true => Ok(Value::Nil),
                        false => Err(format!("map has no entry for key {name:?}")),
                    }
                }
                None => Ok(Value::Nil),
            },
            Value::Nil => Err(format!("nil pointer evaluating interface {{}}.{name}")),
            other => Err(format!("can't evaluate field {name} in type {}", other.type_name())),
        }
    }
}

/// Fields that Docker's types have, which the engine leaves out when there is nothing to tell.
const OPTIONAL: [&str; 12] = [
    "Health",
    "Healthcheck",
    "Mounts",
    "Annotations",
    "StorageOpt",
    "Tmpfs",
    "Sysctls",
    "Init",
    "SizeRw",
    "SizeRootFs",
    "StopTimeout",
    "Shell",
];

fn json_function(kinds: &Arc<RwLock<Kinds>>) -> impl Fn(&[Value]) -> gotmpl::Result<Value> + Send + Sync + 'static {
    let kinds = Arc::clone(kinds);
    move |args| {
        let kinds = kinds.read().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::new();
        for value in args {
            kinds.write_json(value, &mut out);
        }
        Ok(Value::String(out.into()))
    }
}

impl Kinds {
    fn write_json(&self, value: &Value, out: &mut String) {
        if let Some(text) = address(value).and_then(|address| self.json.get(&address)) {
            out.push_str(text);
            return;
        }
        match value {
            Value::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    self.write_json(item, out);
                }
                out.push(']');
            }
            Value::Map(map) => {
                out.push('{');
                for (index, (key, item)) in map.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&ordered::string(key));
                    out.push(':');
                    self.write_json(item, out);
                }
                out.push('}');
            }
            Value::String(text) => out.push_str(&ordered::string(text)),
            Value::Nil | Value::Function(_) => out.push_str("null"),
            other => out.push_str(&other.to_string()),
        }
    }
}

/// Members that hold a Go map: their keys are the user's, and a missing one is no error.
const MAPS: [&str; 22] = [
    "Annotations",
    "Attributes",
    "AuxiliaryAddresses",
    "Config",
    "Containers",
    "Data",
    "DriverOpts",
    "ExposedPorts",
    "IndexConfigs",
    "Labels",
    "Networks",
    "Options",
    "PortBindings",
    "Ports",
    "Runtimes",
    "Status",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Volumes",
    "Details",
    "KeyValues",
];

/// Members that are a pointer or a string in Docker's types: `null` there is nothing, elsewhere it is an empty list.
const POINTERS: [&str; 10] = [
    "Health",
    "Healthcheck",
    "IPAMConfig",
    "Init",
    "MemorySwappiness",
    "OomKillDisable",
    "PidsLimit",
    "ConfigFrom",
    "GraphDriver",
    "Descriptor",
];

/// Turns JSON text into a value, remembering the text of each object and array.
fn convert(text: &str, name: &str, kinds: &mut Kinds) -> Value {
    let value = match text.trim_start().as_bytes().first() {
        Some(b'{') => {
            let members = ordered::members(text).unwrap_or_default();
            // `Config` of a container is a struct, that of a log driver a map: the latter holds only strings.
            let is_map = MAPS.contains(&name) && !(name == "Config" && members.iter().any(|(key, _)| key == "Image"));
            let map = members.iter().map(|(key, raw)| (Arc::from(key.as_str()), convert(raw.get(), key, kinds)));
            let value = Value::Map(Arc::new(map.collect()));
            if !is_map {
                kinds.structs.extend(address(&value));
            }
            value
        }
        Some(b'[') => {
            let items = ordered::elements(text).unwrap_or_default();
            Value::List(items.iter().map(|raw| convert(raw.get(), "", kinds)).collect())
        }
        Some(b'"') => Value::String(serde_json::from_str::<String>(text).unwrap_or_default().into()),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') | None => match name {
            name if MAPS.contains(&name) => Value::Map(Arc::new(BTreeMap::new())),
            name if name.is_empty() || POINTERS.contains(&name) => Value::Nil,
            _ => Value::List(Arc::from([])),
        },
        Some(_) => number(text),
    };
    if let Some(address) = address(&value) {
        // Empty lists may share one address: they are written the same, except for `null`.
        kinds.json.entry(address).or_insert_with(|| ordered::compact(text));
        kinds.alive.push(value.clone());
    }
    value
}

fn number(text: &str) -> Value {
    let text = text.trim();
    if let Ok(value) = text.parse::<i64>() {
        Value::Int(value)
    } else if let Ok(value) = text.parse::<u64>() {
        Value::Uint(value)
    } else {
        Value::Float(text.parse().unwrap_or(0.0))
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
            ("{{if .State.Health}}a{{else}}b{{end}}", "b"),
            ("{{with .State}}{{.Status}}{{$.Id}}{{end}}", "runningabc"),
            (r#"{{join .Config.Cmd "/"}}{{println "x"}}"#, "sleep/1x\n"),
            (
                r#"{{upper "aß"}}{{lower "AB"}}{{title "ab cd"}}{{pad "x" 1 2}}|{{truncate "hello" 2}}"#,
                "ASSabAb Cd x  |he",
            ),
            (r#"{{index (split "a:b" ":") 1}}"#, "b"),
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
                "{{.Config.Foo}}",
                r#"error: template: :1:9: executing "" at <.Config.Foo>: map has no entry for key "Foo""#,
            ),
            ("{{foo .Id}}", r#"error: template: :1: function "foo" not defined"#),
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
