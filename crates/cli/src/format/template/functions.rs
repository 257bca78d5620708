//! The functions that Docker adds to Go's templates.

use gotmpl::{Result, Template, TemplateError, Value};

/// Blanks that `pad` adds at most: wider than any terminal.
const MAX_PAD: usize = 64 << 10;

/// Digits after the point that `printf` writes at most: Rust's formatter counts them, and the one before it, in 16 bits.
const MAX_PRECISION: i64 = u16::MAX as i64 - 1;

/// Go's own functions and Docker's.
const NAMES: [&str; 27] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
    "println", "slice", "urlquery", "json", "split", "join", "title", "lower", "upper", "pad", "truncate",
];

/// Whether a template may call a function of this name.
pub(super) fn is_template_function(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Registers Docker's functions; `json` comes from the caller, who knows how values were written.
pub(super) fn template_functions(
    template: Template,
    json: impl Fn(&[Value]) -> Result<Value> + Send + Sync + 'static,
) -> Template {
    template
        .func("json", json)
        .func("printf", printf)
        .func("split", split)
        .func("join", join)
        .func("title", |args| Ok(text(title(&string(args, 0)?))))
        .func("lower", |args| Ok(text(string(args, 0)?.to_lowercase())))
        .func("upper", |args| Ok(text(string(args, 0)?.to_uppercase())))
        .func("pad", pad)
        .func("truncate", truncate)
}

fn text(text: impl AsRef<str>) -> Value {
    Value::String(text.as_ref().into())
}

fn string(args: &[Value], index: usize) -> Result<String> {
    match args.get(index) {
        Some(Value::String(text)) => Ok(text.to_string()),
        Some(other) => Err(TemplateError::TypeMismatch { expected: "string", got: other.type_name() }),
        None => Err(missing(index + 1, args.len())),
    }
}

fn count(args: &[Value], index: usize) -> Result<usize> {
    match args.get(index).map(Value::as_int) {
        Some(Some(number)) => Ok(usize::try_from(number).unwrap_or(0)),
        Some(None) => Err(TemplateError::TypeMismatch { expected: "int", got: args[index].type_name() }),
        None => Err(missing(index + 1, args.len())),
    }
}

fn missing(expected: usize, got: usize) -> TemplateError {
    TemplateError::ArgCount { name: "function".to_owned(), expected, got }
}

fn split(args: &[Value]) -> Result<Value> {
    let (subject, separator) = (string(args, 0)?, string(args, 1)?);
    if separator.is_empty() {
        return Ok(Value::List(subject.chars().map(|c| text(c.to_string())).collect()));
    }
    Ok(Value::List(subject.split(&separator).map(text).collect()))
}

fn join(args: &[Value]) -> Result<Value> {
    let separator = string(args, 1)?;
    match args.first() {
        Some(Value::List(items)) => {
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            Ok(text(items.join(&separator)))
        }
        Some(Value::Nil) => Ok(text("")),
        other => Err(TemplateError::TypeMismatch { expected: "list", got: other.map_or("nil", Value::type_name) }),
    }
}

/// Makes the first letter of every word a capital.
fn title(words: &str) -> String {
    let mut inside = false;
    words
        .chars()
        .flat_map(|c| {
            let first = !inside && c.is_alphabetic();
            inside = c.is_alphanumeric() || c == '_' || c == '\'';
            let upper = first.then(|| c.to_uppercase());
            upper.into_iter().flatten().chain((!first).then_some(c))
        })
        .collect()
}

fn pad(args: &[Value]) -> Result<Value> {
    let subject = string(args, 0)?;
    if subject.is_empty() {
        return Ok(text(subject));
    }
    let (before, after) = (count(args, 1)?, count(args, 2)?);
    if before.max(after) > MAX_PAD {
        return Err(TemplateError::Exec(format!("pad: more than {MAX_PAD} blanks")));
    }
    Ok(text(format!("{}{subject}{}", " ".repeat(before), " ".repeat(after))))
}

fn truncate(args: &[Value]) -> Result<Value> {
    let (subject, length) = (string(args, 0)?, count(args, 1)?);
    Ok(text(subject.chars().take(length).collect::<String>()))
}

/// The engine's `printf`, which panics at more digits than it can count: so they are counted before.
fn printf(args: &[Value]) -> Result<Value> {
    if let Some(Value::String(format)) = args.first()
        && is_too_precise(format, &args[1..])
    {
        return Err(TemplateError::Exec(format!("printf: more than {MAX_PRECISION} digits after the point")));
    }
    let given: String = (0..args.len()).map(|index| format!(" (index . {index})")).collect();
    let inner = gotmpl::Template::new("printf").parse(&format!("{{{{printf{given}}}}}"))?;
    inner.execute_to_string(&Value::List(args.into())).map(text)
}

/// Whether a precision in this format, or one that `.*` may take from `args`, is beyond what can be counted.
fn is_too_precise(format: &str, args: &[Value]) -> bool {
    let end = |text: &str, of: fn(char) -> bool| text.find(|c| !of(c)).unwrap_or(text.len());
    format.split('%').skip(1).any(|verb| {
        let flags = &verb[..end(verb, |c| c.is_ascii_digit() || "+-# []*.".contains(c))];
        let Some((_, precision)) = flags.split_once('.') else { return false };
        if precision.starts_with('*') {
            return args.iter().filter_map(Value::as_int).any(|number| number > MAX_PRECISION);
        }
        let digits = &precision[..end(precision, |c| c.is_ascii_digit())];
        !digits.is_empty() && digits.parse().unwrap_or(i64::MAX) > MAX_PRECISION
    })
}
