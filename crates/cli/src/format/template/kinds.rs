//! What is known about values beyond what they hold, and the functions that need to know it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use gotmpl::{TemplateError, Value};

use crate::format::ordered;

/// What is known about values beyond what they hold, by their address (values are shared, never moved).
#[derive(Default)]
pub(super) struct Kinds {
    /// JSON text of a value, in the order in which the engine sent it.
    pub(super) json: HashMap<usize, String>,
    /// Go type of a row: an unknown field is an error that names the type.
    pub(super) rows: HashMap<usize, &'static str>,
    /// JSON objects with fixed members, and these in order: an unknown one is an error.
    pub(super) structs: BTreeMap<usize, Vec<String>>,
    /// Whether the last field that was nothing is a pointer that is nil, rather than an entry that a map has not.
    nil_pointer: AtomicBool,
    /// Keeps the values alive, so that their addresses stay theirs.
    pub(super) alive: Vec<Value>,
}

/// The address of a shared value; `None` for plain ones.
pub(super) fn address(value: &Value) -> Option<usize> {
    match value {
        Value::Map(map) => Some(Arc::as_ptr(map).addr()),
        Value::List(list) => Some(list.as_ptr().addr()),
        _ => None,
    }
}

pub(super) fn field_function(kinds: &Arc<RwLock<Kinds>>) -> impl Fn(&[Value]) -> gotmpl::Result<Value> + use<> {
    let kinds = Arc::clone(kinds);
    move |args| {
        let [base, line, column, path, names @ ..] = args else { return Ok(Value::Nil) };
        let kinds = kinds.read().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        let mut value = base.clone();
        for (index, name) in names.iter().enumerate() {
            value = kinds.field(&value, name, index.checked_sub(1).map(|before| names[before])).map_err(|problem| {
                // Go points at the dot before the name that it could not read.
                let (steps, message) = match problem {
                    Problem::Here(message) => (index, message),
                    Problem::Before(message) => (index - 1, message),
                };
                let offset: usize = names[..steps].iter().map(|name| name.len() + 1).sum();
                let column = column.as_int().unwrap_or(0) + i64::try_from(offset).unwrap_or(0);
                TemplateError::Exec(format!("template: :{line}:{column}: executing \"\" at <{path}>: {message}"))
            })?;
        }
        Ok(value)
    }
}

/// Why a field could not be read: because of its own name, or of the one before.
enum Problem {
    Here(String),
    Before(String),
}

impl Kinds {
    fn field(&self, value: &Value, name: &str, before: Option<&str>) -> Result<Value, Problem> {
        self.nil_pointer.store(false, Ordering::Relaxed);
        let nil_pointer = || {
            self.nil_pointer.store(true, Ordering::Relaxed);
            Ok(Value::Nil)
        };
        match value.field(name) {
            Some(Value::Nil) => return nil_pointer(),
            Some(found) => return Ok(found.clone()),
            None => {}
        }
        let no_entry = |name: &str| format!("map has no entry for key {name:?}");
        let address = address(value);
        match value {
            Value::Map(_) => match address.and_then(|address| self.rows.get(&address)) {
                Some(kind) => Err(Problem::Here(format!("can't evaluate field {name} in type {kind}"))),
                None if !address.is_some_and(|address| self.structs.contains_key(&address)) => Ok(Value::Nil),
                None if OPTIONAL.contains(&name) => nil_pointer(),
                None => Err(Problem::Here(no_entry(name))),
            },
            Value::Nil => match before {
                Some(before) => Err(Problem::Before(no_entry(before))),
                None => Err(Problem::Here(format!("nil data; no entry for key {name:?}"))),
            },
            other => Err(Problem::Here(format!("can't evaluate field {name} in type {}", other.type_name()))),
        }
    }
}

/// Prints what Go prints otherwise than the template engine: structs, and pointers that are nil.
pub(super) fn print_function(kinds: &Arc<RwLock<Kinds>>) -> impl Fn(&[Value]) -> gotmpl::Result<Value> + use<> {
    let kinds = Arc::clone(kinds);
    move |args| {
        let kinds = kinds.read().unwrap_or_else(PoisonError::into_inner);
        match args {
            [Value::Nil] if kinds.nil_pointer.swap(false, Ordering::Relaxed) => Ok(Value::String("<nil>".into())),
            [value @ (Value::Map(_) | Value::List(_))] => {
                let mut out = String::new();
                kinds.print(value, &mut out);
                Ok(Value::String(out.into()))
            }
            [value] => Ok(value.clone()),
            _ => Ok(Value::Nil),
        }
    }
}

impl Kinds {
    fn print(&self, value: &Value, out: &mut String) {
        let members = address(value).and_then(|address| self.structs.get(&address));
        match (value, members) {
            (Value::Map(map), Some(members)) => {
                let values = members.iter().filter_map(|name| map.get(name.as_str()));
                self.print_all("{", values.map(|value| ("", value)), "}", out);
            }
            (Value::Map(map), None) => {
                self.print_all("map[", map.iter().map(|(key, value)| (key.as_ref(), value)), "]", out);
            }
            (Value::List(items), _) => self.print_all("[", items.iter().map(|item| ("", item)), "]", out),
            (other, _) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "{other}");
            }
        }
    }

    fn print_all<'a>(
        &self,
        open: &str,
        items: impl Iterator<Item = (&'a str, &'a Value)>,
        close: &str,
        out: &mut String,
    ) {
        out.push_str(open);
        for (index, (key, item)) in items.enumerate() {
            if index > 0 {
                out.push(' ');
            }
            if !key.is_empty() {
                out.push_str(key);
                out.push(':');
            }
            self.print(item, out);
        }
        out.push_str(close);
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

pub(super) fn json_function(kinds: &Arc<RwLock<Kinds>>) -> impl Fn(&[Value]) -> gotmpl::Result<Value> + use<> {
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
