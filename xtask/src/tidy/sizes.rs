//! Files and functions small enough to be read in one go.

use super::Finding;
use super::tree::{Source, Workspace};

/// A file beyond this is cut in two.
const FILE_LINES: usize = 600;
/// A function beyond this hides its steps; 40 is the aim.
const FUNCTION_LINES: usize = 80;
/// Files that are tables: long because the kernel or the protocol has many rows, not because of logic.
const TABLES: &[&str] = &["syscalls", "table", "tables"];

/// Sizes of all source files and the functions in them.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    workspace.sources.iter().filter(|source| !is_table(source)).flat_map(check_source).collect()
}

fn is_table(source: &Source) -> bool {
    source.path.iter().any(|part| TABLES.contains(&part.to_string_lossy().trim_end_matches(".rs")))
}

fn check_source(source: &Source) -> Vec<Finding> {
    let place = source.path.display();
    let lines = source.text.lines().count();
    let file = (lines > FILE_LINES)
        .then(|| Finding::new(place.to_string(), format!("{lines} lines: cut it (limit {FILE_LINES})")));
    let functions = functions(&source.text).filter(|function| function.lines > FUNCTION_LINES).map(|function| {
        let message = format!("`{}` has {} lines (limit {FUNCTION_LINES})", function.name, function.lines);
        Finding::new(format!("{place}:{}", function.start), message)
    });
    file.into_iter().chain(functions).collect()
}

struct Function<'a> {
    name: &'a str,
    start: usize,
    lines: usize,
}

/// Functions of rustfmt-formatted text: they end at the first `}` with the indentation of their first line.
fn functions(text: &str) -> impl Iterator<Item = Function<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let starts: Vec<(usize, &str)> =
        lines.iter().enumerate().filter_map(|(at, line)| Some((at, function_name(line)?))).collect();
    starts.into_iter().filter_map(move |(at, name)| {
        let indent = lines[at].len() - lines[at].trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        let length = lines[at..].iter().position(|line| *line == end)? + 1;
        Some(Function { name, start: at + 1, lines: length })
    })
}

fn function_name(line: &str) -> Option<&str> {
    let trimmed = line.trim_start();
    let at = if trimmed.starts_with("fn ") { 0 } else { trimmed.find(" fn ")? + 1 };
    let head = &trimmed[..at];
    let qualifiers = ["pub", "pub(crate)", "pub(super)", "async", "const", "unsafe", "extern", "\"C\""];
    if !head.split_whitespace().all(|word| qualifiers.contains(&word)) || trimmed.ends_with(['}', ';']) {
        return None;
    }
    trimmed[at + 3..].split(['(', '<']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_to_their_closing_brace() {
        let text = "impl A {\n    pub fn one(&self) {\n        if x {\n        }\n    }\n}\nfn two() {\n}\n";
        let found: Vec<_> = functions(text).map(|f| (f.name.to_owned(), f.start, f.lines)).collect();
        assert_eq!(found, [("one".to_owned(), 2, 4), ("two".to_owned(), 7, 2)]);
    }

    #[test]
    fn words_in_prose_are_no_functions() {
        assert_eq!(function_name("// calls the fn of x"), None);
        assert_eq!(function_name("pub(crate) async fn go<T>("), Some("go"));
    }
}
